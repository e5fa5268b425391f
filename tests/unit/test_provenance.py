"""What a run was, and whether another one came out alike."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from ganreg import io
from ganreg.report import provenance, reproduction

TABLE1 = pd.DataFrame(
    {
        "method": ["syn_mi", "unet_none"],
        "folds_hash": ["68ceb24eb438", "68ceb24eb438"],
        "dice_mean": [0.66, 0.65],
        "hd95_mm": [4.3, 4.4],
        "p_holm": [0.5, float("nan")],
        "paper_dice": [0.776, float("nan")],
    }
)


def changed(row, column, value):
    table = TABLE1.copy()
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("row", "column", "value"), [(0, "dice_mean", 0.669), (1, "hd95_mm", 4.69), (0, "p_holm", 1.0)]
)
def test_a_table_within_the_tolerance_reproduces(row, column, value):
    assert reproduction.differences(changed(row, column, value), TABLE1) == []


@pytest.mark.parametrize(
    ("row", "column", "value", "line"),
    [
        (0, "dice_mean", 0.68, "syn_mi, dice_mean: expected 0.66 within 0.01, found 0.68"),
        (1, "hd95_mm", 4.0, "unet_none, hd95_mm: expected 4.4 within 0.3, found 4.0"),
        (1, "dice_mean", float("nan"), "unet_none, dice_mean: expected 0.65 within 0.01, found nan"),
        (1, "folds_hash", "other", "unet_none, folds_hash: expected 68ceb24eb438, found other"),
        (0, "paper_dice", 0.777, "syn_mi, paper_dice: expected 0.776, found 0.777"),
        (1, "method", "unet_all", "methods: expected syn_mi, unet_none, found syn_mi, unet_all"),
    ],
)
def test_a_table_outside_names_method_and_column(row, column, value, line):
    assert reproduction.differences(changed(row, column, value), TABLE1) == [line]


def test_a_column_that_is_missing_is_named():
    assert reproduction.differences(TABLE1.drop(columns="hd95_mm"), TABLE1) == [
        "columns: expected folds_hash, dice_mean, hd95_mm, p_holm, paper_dice, "
        "found folds_hash, dice_mean, p_holm, paper_dice"
    ]


def test_the_command_stores_compares_and_fails_by_name(tmp_path, root):
    results, reference = tmp_path / "results", tmp_path / "reference"
    second = pd.DataFrame({"method": ["syn_mi"], "fold_1": [0.61], "mean": [0.6]})
    io.write_table(results / "tables" / "table1.csv", TABLE1)
    io.write_table(results / "tables" / "table2.csv", second)

    def compare(*arguments):
        script = root / "workflow" / "scripts" / "compare_tables.py"
        command = [sys.executable, script, "--results", results, "--reference", reference, *arguments]
        environment = {"PYTHONPATH": str(root / "workflow")}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    missing = compare()
    assert missing.returncode != 0
    assert "table1.csv: expected a table to compare, found none" in missing.stderr
    assert compare("--store").returncode == 0
    assert "the same, byte for byte" in compare().stdout
    io.write_table(results / "tables" / "table2.csv", second.assign(fold_1=0.615))
    assert "within the tolerance" in compare().stdout
    io.write_table(results / "tables" / "table2.csv", second.assign(fold_1=0.63))
    failed = compare()
    assert failed.returncode != 0
    assert failed.stdout == "table2: syn_mi, fold_1: expected 0.61 within 0.01, found 0.63\n"
    assert "1 values differ" in failed.stderr


def test_seconds_and_jobs_are_summed_by_rule(tmp_path):
    for name, seconds in {
        "get_template.jsonl": 2,
        "train_unet/fold1.jsonl": 3.25,
        "train_unet/fold2.jsonl": 4.53,
    }.items():
        io.write_text(tmp_path / name, json.dumps({"s": seconds}) + "\n")
    assert provenance.seconds_by_rule(tmp_path) == {
        "get_template": {"jobs": 1, "seconds": 2.0},
        "train_unet": {"jobs": 2, "seconds": 7.8},
    }


def test_every_seed_is_found_by_its_place():
    config = {"seed": 1, "unet": {"seed": 2, "steps": 3}, "a": {"b": {"seed": 4}}, "list": [{"x": 1}]}
    assert provenance.seeds(config) == {"seed": 1, "unet.seed": 2, "a.b.seed": 4}


def test_git_tells_commit_and_changes(tmp_path):
    def git(*arguments):
        command = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", tmp_path, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert provenance.git_state(tmp_path) == {"commit": None, "dirty": None}
    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "--message", "one")
    assert provenance.git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "file").write_text("two")
    assert provenance.git_state(tmp_path)["dirty"]


def test_versions_are_those_that_run_and_pins_where_nothing_is_installed(tmp_path):
    path = tmp_path / "env.yaml"
    path.write_text("dependencies:\n  - pandas=0.1\n  - snakemake-minimal=0.1\n  - nowhere=1.2\n")
    found = provenance.versions([path])
    assert found["pandas"] == pd.__version__
    assert found["snakemake-minimal"][0] == "9"
    assert found["nowhere"] == "1.2 (as pinned)"
