"""The conda environments: exact pins, in the versions of the lock file."""

import re

import pytest
import yaml

from ganreg import fingerprint

# conda-forge has an earlier release of NiftyReg than the source package on PyPI; Python is the user's
DIFFER_ON_PURPOSE = {"python", "niftyreg"}
PYPI_NAMES = {"pytorch": "torch", "snakemake-minimal": "snakemake"}


def environment_files(root):
    return sorted((root / "envs").glob("*.yaml"))


def test_environments_and_lock_agree(root):
    lock = dict(
        line.lower().split("==") for line in (root / "requirements.txt").read_text().splitlines() if "==" in line
    )
    for path in environment_files(root):
        for name, version in fingerprint.env_pins(path).items():
            if name not in DIFFER_ON_PURPOSE:
                assert lock[PYPI_NAMES.get(name, name)] == version, f"{path.name}: {name}"


def test_environments_pin_exactly_and_leave_defaults_out(root):
    for path in environment_files(root):
        content = yaml.safe_load(path.read_text())
        assert content["channels"][-1] == "nodefaults"
        for entry in content["dependencies"]:
            for name in entry["pip"] if isinstance(entry, dict) else [entry]:
                assert name == "pip" or re.fullmatch(r"[\w-]+={1,2}[\w.]+(=(cpu|cuda)\*)?", name), (
                    f"{path.name}: {name}"
                )


def test_the_environments_of_networks_differ_in_the_build_of_pytorch_alone(root):
    cpu, gpu = (
        yaml.safe_load((root / "envs" / name).read_text())["dependencies"] for name in ("torch.yaml", "torch_gpu.yaml")
    )
    assert [(a, b) for a, b in zip(cpu, gpu, strict=True) if a != b] == [
        ("pytorch=2.13.0=cpu*", "pytorch=2.13.0=cuda*")
    ]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements.in"])
def test_the_lock_has_no_local_version(root, name):
    text = (root / name).read_text()
    assert "torch==2.13.0\n" in text
    assert "+" not in "".join(line for line in text.splitlines() if not line.startswith("#"))
