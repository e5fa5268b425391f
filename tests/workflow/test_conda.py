"""Conda: the stand-in that `make test-conda` uses holds exactly what a file lists; switching conda on plans nothing."""

import os
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, SMOKE, planned, snakemake

sys.path.append(str(ROOT / "tests" / "conda"))

import stand_in


def environment_of(folder, *lines):
    """Make an environment of these lines with the stand-in; the finished process, and the environment's Python."""
    file = folder / "env.yaml"
    file.write_text(yaml.safe_dump({"dependencies": ["python=3.11", *lines]}))
    command = [stand_in.install(folder) / "conda", "env", "create", "--file", file, "--prefix", folder / "env"]
    return subprocess.run(command, capture_output=True, text=True, check=False), folder / "env" / "bin" / "python"


def imports(python, module):
    command = [python, "-c", f"import {module}"]
    return subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=False).returncode == 0


def test_an_environment_holds_what_is_listed_with_what_that_requires_and_no_more(tmp_path):
    pins = {name: stand_in.metadata.version(name) for name in ("pandas", "tqdm")}
    pip_section = {"pip": [f"tqdm=={pins['tqdm']}"]}
    result, python = environment_of(tmp_path, f"pandas={pins['pandas']}=py*", "pip", pip_section)
    assert result.returncode == 0, result.stderr
    # pandas requires numpy
    assert all(imports(python, module) for module in ("pandas", "numpy", "tqdm"))
    assert not any(imports(python, module) for module in ("nibabel", "yaml", "pip", "ganreg"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("numpy=1.0.0", "expected numpy=1.0.0, found 2."),
        ("scikit-image=0.25.0", "expected scikit-image=0.25.0, found none"),
    ],
)
def test_another_version_or_an_unknown_package_is_an_error(tmp_path, line, message):
    result, _ = environment_of(tmp_path, line)
    assert result.returncode != 0
    assert message in result.stderr


@pytest.fixture
def conda(tmp_path, monkeypatch):
    """The stand-in is the `conda` on the PATH."""
    monkeypatch.setenv("PATH", f"{stand_in.install(tmp_path / 'conda')}:{os.environ['PATH']}")


@pytest.mark.usefixtures("conda")
@pytest.mark.parametrize("pytorch", ["cpu", "gpu"])
def test_switching_conda_on_plans_nothing(finished, tmp_path, pytorch):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"conda_pytorch": pytorch}))
    assert planned(finished, SMOKE, str(overlay), more=["--use-conda"]) == set()
    # conda is asked for its environments, those of networks in the variant wanted
    forced = ["--dry-run", "--nolock", "--use-conda", "--forcerun", "train_unet", "register_syn"]
    result = snakemake(finished, "--configfile", SMOKE, str(overlay), *forced)
    assert ("torch_gpu.yaml will be created" in result.stdout + result.stderr) is (pytorch == "gpu")
