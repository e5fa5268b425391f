"""`snakemake --use-conda` with the smoke preset to the end, each rule in an environment of what its file lists."""

import os
import re

import pandas as pd
import pytest
import stand_in
import yaml
from conftest import SMOKE, copy_project, snakemake

from ganreg.tools import programs


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the project in which the smoke preset ran with conda, and what Snakemake said."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    preset = yaml.safe_load((folder / SMOKE).read_text())
    if not programs.find("reg_f3d"):
        methods = preset["registration"]["methods"]
        preset["registration"]["methods"] = [each for each in methods if not each.startswith("niftyreg")]
        (folder / SMOKE).write_text(yaml.safe_dump(preset))
    path = os.environ["PATH"]
    try:
        os.environ["PATH"] = f"{stand_in.install(tmp_path_factory.mktemp('conda') / 'conda')}:{path}"
        result = snakemake(folder, "--configfile", SMOKE, "--use-conda")
    finally:
        os.environ["PATH"] = path
    said = result.stdout + result.stderr
    assert result.returncode == 0, said[-10000:]
    return folder, said


def test_every_rule_ran_in_its_environment(finished, root):
    folder, said = finished
    created = set(re.findall(r"Environment for \S*envs/(\w+)\.yaml created", said))
    methods = yaml.safe_load((folder / SMOKE).read_text())["registration"]["methods"]
    # simulated brains need not be found
    expected = {path.stem for path in (root / "envs").glob("*.yaml")} - {"torch_gpu", "deepbet"}
    assert created == expected - (set() if "niftyreg_nmi" in methods else {"niftyreg"})
    jobs = len(re.findall(r"^Finished jobid: \d+ \(Rule: (?!all)", said, re.MULTILINE))
    assert len(re.findall(r"Activating conda environment", said)) >= jobs > 100


def test_the_tables_have_every_method_and_the_rule_graph_too(finished):
    folder, _ = finished
    methods = yaml.safe_load((folder / SMOKE).read_text())["registration"]["methods"]
    results = folder / "results" / "smoke"
    assert list(pd.read_csv(results / "tables" / "table1.csv")["method"]) == methods
    drawn = set(pd.read_csv(results / "figures" / "fig22_rulegraph.csv")["from"])
    assert {f"register_{method.split('_')[0]}" for method in methods if method.startswith(("syn", "nifty"))} <= drawn
