"""The Makefile's commands, as far as they go without a run."""

import os
import re
import shlex

import pytest
from conftest import ROOT, copy_project, snakemake

COMMANDS = re.findall(r"\$\(BIN\)/snakemake (.*)", (ROOT / "Makefile").read_text())
assert len(COMMANDS) >= 6


@pytest.mark.parametrize("command", [command for command in COMMANDS if "--lint" not in command])
def test_every_snakemake_command_can_be_planned(command, tmp_path):
    replaced = command.replace("$(CORES)", "2").replace("$(SMOKE)", "--configfile presets/smoke.yaml")
    # a report is written on a dry run, too
    arguments = re.sub(r"--report \S+ --report-after-run", "", replaced)
    result = snakemake(copy_project(tmp_path), "--dry-run", *shlex.split(arguments))
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_a_failed_job_said_is_shown_though_rules_are_quiet(tmp_path):
    folder = copy_project(tmp_path)
    older = folder / "results" / "logs" / "older.log"
    older.parent.mkdir(parents=True)
    older.write_text("error: of another day\n")
    os.utime(older, (0, 0))
    result = snakemake(folder, "--quiet", "rules", "--", "get_ixi")
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if "error: " in line]
    assert len(lines) == 1
    assert lines[0].startswith("results/logs/get_ixi.log: error: ixi: expected `ixi: {accept_licence: true}`")
