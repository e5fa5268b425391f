"""What several tests share: the project's root, real data where there is some, and one finished small run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# the configuration of the finished small run
SMOKE = "presets/smoke.yaml"
REAL_DATA = Path(os.environ.get("GANREG_TEST_DATA", ROOT.parent / "shared" / "data"))


def snakemake(folder, *arguments):
    """Run Snakemake in a copy of the project; the result carries its output as text."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def planned(folder, *configfiles, more=()):
    """Rules that a dry run plans, the final target left out; `more` options for Snakemake."""
    options = ["--dry-run", "--quiet", "rules", "--nolock", *more]
    result = snakemake(folder, "--configfile", *(configfiles or [SMOKE]), *options)
    assert result.returncode == 0, result.stdout + result.stderr
    return set(re.findall(r"^(\w+) +\d+$", result.stdout + result.stderr, flags=re.MULTILINE)) - {"all", "total"}


def copy_project(target):
    """Copy what git tracks or would track, without results."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy of the project in which the smoke preset has run to the end."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    result = snakemake(folder, "--configfile", SMOKE, "--quiet", "rules")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="session")
def ixi():
    """The folder of real IXI subjects with labels."""
    folder = REAL_DATA / "ixi_t1_2mm"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (GANREG_TEST_DATA names another place)")
    return folder
