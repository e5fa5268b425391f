"""Across T1w and T2w on the default cohort and grid: fair SyN brings true places nearer, and overlap up."""

import pandas as pd
import pytest
import yaml
from conftest import copy_project, snakemake


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Four subjects, two folds, the default grid and settings, start and fair SyN."""
    folder = copy_project(tmp_path_factory.mktemp("true_error"))
    overlay = {
        "cohort": {"subjects": 6},
        "split": {"folds": 2, "validation_subjects": 1},
        "registration": {"methods": ["initial", "syn_mi", "niftyreg_nmi"], "reference_method": "initial"},
    }
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    targets = ["results/metrics/pairs.csv", "results/metrics/structures.csv"]
    result = snakemake(folder, "--configfile", "overlay.yaml", "--quiet", "rules", "--", *targets)
    assert result.returncode == 0, result.stdout + result.stderr
    return tuple(pd.read_csv(folder / target) for target in targets)


def test_the_true_error_falls_from_the_start_to_fair_syn(measured):
    error = measured[0].groupby("method")["tre_mm"].mean()
    assert error["syn_mi"] < 0.95 * error["initial"]


def test_fair_settings_beat_the_start(measured):
    dice = measured[1].groupby("method")["dice"].mean()
    assert dice["syn_mi"] > dice["initial"] + 0.02
    if "niftyreg_nmi" in dice:
        assert dice["niftyreg_nmi"] > dice["initial"] + 0.02
