"""The Makefile's commands, as far as they go without a run."""

import os
import re
import shlex

import pytest
from conftest import ROOT, copy_project, snakemake
from rerun import edit

COMMANDS = re.findall(r"\$\(BIN\)/snakemake (.*)", (ROOT / "Makefile").read_text())
assert len(COMMANDS) >= 6


@pytest.mark.parametrize("command", [command for command in COMMANDS if "--lint" not in command])
def test_every_snakemake_command_can_be_planned(command, tmp_path):
    replaced = command.replace("$(CORES)", "2").replace("$(SMOKE)", "--configfile presets/smoke.yaml")
    replaced = replaced.replace("get_$(DATA)", "get_ixi get_rire get_dicom")
    # a report is written on a dry run, too
    arguments = re.sub(r"--report \S+ --report-after-run", "", replaced)
    result = snakemake(copy_project(tmp_path), "--dry-run", *shlex.split(arguments))
    assert result.returncode == 0, result.stdout + result.stderr


def test_data_can_be_fetched_for_a_configuration_that_asks_for_them(tmp_path):
    folder = copy_project(tmp_path)
    edit(folder, "config.yaml", "  dataset: null", "  dataset: bids")
    (command,) = [command for command in COMMANDS if "get_$(DATA)" in command]
    arguments = command.replace("$(CORES)", "2").replace("$(DATA)", "rire")
    result = snakemake(folder, "--dry-run", *shlex.split(arguments))
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_a_failed_job_said_is_shown_though_rules_are_quiet(tmp_path):
    folder = copy_project(tmp_path)
    older = folder / "results" / "logs" / "older.log"
    older.parent.mkdir(parents=True)
    older.write_text("error: of another day\n")
    os.utime(older, (0, 0))
    result = snakemake(folder, "--quiet", "rules", "--keep-going", "--", "get_ixi", "get_rire", "get_dicom")
    assert result.returncode != 0
    lines = sorted(line for line in result.stderr.splitlines() if "error: " in line)
    assert [line.split(":")[0] for line in lines] == [
        f"results/logs/get_{name}.log" for name in ("dicom", "ixi", "rire")
    ]
    assert lines[0].endswith("dicom: expected a folder with a folder for each subject, found None")
    assert lines[1].endswith(
        "error: ixi: expected the license to be accepted (accept_licence: true): CC BY-SA 3.0 "
        "(https://creativecommons.org/licenses/by-sa/3.0/); cite: IXI data set, "
        "https://brain-development.org/ixi-dataset/; found false"
    )
    assert "error: rire: expected the license to be accepted (accept_licence: true): CC BY 3.0 US" in lines[2]
