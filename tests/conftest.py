"""What several tests share: the project's root, real data where there is some, and one finished small run."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from loopback import Server
from snakemake.api import ConfigSettings, OutputSettings, ResourceSettings, SnakemakeApi

ROOT = Path(__file__).resolve().parents[1]
# the configuration of the finished small run
SMOKE = "presets/smoke.yaml"
REAL_DATA = Path(os.environ.get("GANREG_TEST_DATA", ROOT.parent / "shared" / "data"))


def snakemake(folder, *arguments, cores=2):
    """Run Snakemake in a copy of the project; the result carries its output as text."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def planned_jobs(folder, *configfiles, cores=2, more=()):
    """(rule, wildcards) of each job that a dry run with `more` options plans, without targets and the run's record.

    Rules of other sets of subjects have the set's folder before them, as in external/register_unet. The record is
    written once all else is done: it is planned exactly when something else is. Jobs of a group are indented.
    """
    arguments = ["--configfile", *(configfiles or [SMOKE]), "--dry-run", "--nolock", *more]
    result = snakemake(folder, *arguments, cores=cores)
    assert result.returncode == 0, result.stdout + result.stderr
    jobs = []
    for line in (result.stdout + result.stderr).splitlines():
        if rule := re.fullmatch(r" *(?:local)?rule (\w+):", line):
            jobs.append((rule[1], {}))
        elif wildcards := re.fullmatch(r" +wildcards: (.+)", line):
            jobs[-1][1].update(pair.split("=", 1) for pair in wildcards[1].split(", "))
    names = [rule for rule, _ in jobs if rule != "all"]
    assert names.count("write_provenance") == bool(names)
    kept = [job for job in jobs if job[0] not in ("all", "write_provenance")]
    return [(wildcards.get("set", "") + rule, wildcards) for rule, wildcards in kept]


def planned(folder, *configfiles, cores=2, more=()):
    """Rules that a dry run plans, as `planned_jobs` names them."""
    return {rule for rule, _ in planned_jobs(folder, *configfiles, cores=cores, more=more)}


@contextlib.contextmanager
def read_workflow(folder, *configfiles):
    """Snakemake's own object of the workflow in a folder, its rules known and nothing planned."""
    before, environment, search = Path.cwd(), dict(os.environ), list(sys.path)
    settings = {"resource_settings": ResourceSettings(cores=1), "snakefile": folder / "Snakefile"}
    settings["config_settings"] = ConfigSettings(configfiles=[Path(each) for each in configfiles])
    os.chdir(folder)
    try:
        with SnakemakeApi(OutputSettings()) as api:
            yield api.workflow(**settings)._workflow
    finally:
        # reading the workflow sets what its jobs need
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = search


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


def affine_of(image):
    """RAS affine (4, 4) in mm of a SimpleITK image's grid."""
    lps = np.eye(4)
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    lps[:3, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ lps


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy of the project in which the smoke preset has run to the end."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    result = snakemake(folder, "--configfile", SMOKE, "--logger", "ganreg")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture
def server():
    """A running loopback server; `server.files` and `server.faults` say what it answers."""
    served = Server()
    threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture(scope="session")
def real_rire():
    """The folder with one real RIRE volume and its gold standard."""
    folder = REAL_DATA / "rire"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (GANREG_TEST_DATA names another place)")
    return folder


@pytest.fixture(scope="session")
def ixi():
    """The folder of real IXI subjects with labels."""
    folder = REAL_DATA / "ixi_t1_2mm"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (GANREG_TEST_DATA names another place)")
    return folder
