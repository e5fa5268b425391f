"""`profiles/slurm`, as it is, on a real SLURM: the smoke preset to the end, one of its jobs cancelled on the way."""

import copy
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cluster
import pytest
import yaml
from conftest import ROOT, SMOKE, copy_project

PROFILE = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
GPU_RULES = {rule for rule, asked in PROFILE["set-resources"].items() if asked.get("slurm_partition") == "gpu"}
# what a site without accounting adds, and shorter waiting
FLAGS = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "5"]
CANCELLED = "train_unet"


def rule_of(record):
    """The rule of a job's record, or the group."""
    return re.match(r"rule_([a-z0-9_.]+?)(?:_wildcards_.*)?$", record["Comment"])[1]


def minutes(limit):
    """A time limit, as SLURM writes it, in minutes."""
    days, _, clock = limit.rpartition("-")
    hours, mins, _ = map(int, clock.split(":"))
    return int(days or 0) * 1440 + hours * 60 + mins


@pytest.fixture(scope="module")
def slurm():
    if names := cluster.missing():
        if os.environ.get("SKIP_SLURM"):
            pytest.skip(f"not installed: {', '.join(names)}")
        pytest.fail(
            f"SLURM: expected {', '.join(names)}, found none: apt-get install slurm-wlm munge (SKIP_SLURM=1: leave out)"
        )
    with tempfile.TemporaryDirectory(prefix="slurm") as folder, cluster.Cluster(folder) as running:
        yield running


def submit(slurm, folder, *arguments, profile="profiles/slurm"):
    """Run Snakemake in a copy of the project with the profile; what it says goes to its log there."""
    command = [sys.executable, "-m", "snakemake", "--profile", str(profile), "--configfile", SMOKE, *FLAGS, *arguments]
    with (folder / "snakemake.log").open("a") as log:
        return subprocess.run(command, cwd=folder, env=slurm.environment, stdout=log, stderr=log, check=False)


def cancel_one(slurm, over, cancelled):
    """Cancel the first job of a rule as soon as it runs."""
    while not over.wait(0.5):
        for record in slurm.jobs():
            if rule_of(record) == CANCELLED and record["JobState"] == "RUNNING":
                slurm.run("scancel", record["JobId"])
                cancelled.append(record["JobId"])
                return


@pytest.fixture(scope="module")
def finished(slurm, tmp_path_factory):
    """A copy of the project in which the smoke preset ran through SLURM; the id of the cancelled job."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    over, cancelled = threading.Event(), []
    watcher = threading.Thread(target=cancel_one, args=(slurm, over, cancelled))
    watcher.start()
    began = time.monotonic()
    try:
        result = submit(slurm, folder)
    finally:
        over.set()
        watcher.join()
    print(f"{len(slurm.jobs())} SLURM jobs in {time.monotonic() - began:.0f} s")
    assert result.returncode == 0, (folder / "snakemake.log").read_text()[-5000:]
    assert len(cancelled) == 1
    return folder, cancelled[0]


@pytest.fixture(scope="module")
def records(finished, slurm):
    """The records of that run's jobs."""
    return slurm.jobs()


def test_gpu_rules_got_a_gpu_and_no_other_rule_did(records, slurm):
    visible = slurm.visible_devices()
    seen = set()
    for record in records:
        rule = rule_of(record)
        on_gpu = rule in GPU_RULES
        seen.add(rule)
        assert record.get("TresPerJob") == ("gres:gpu:1" if on_gpu else None), record
        assert record["Partition"] == ("gpu" if on_gpu else "cpu"), record
        if record["JobState"] == "COMPLETED":
            assert visible[record["JobId"]] == ("0" if on_gpu else "none"), record
    assert seen >= {"train_rdnn", "train_pgan", "train_unet", "register_unet", "sample_dagan", "register_syn"}


def test_a_cancelled_job_is_submitted_again_with_more(records, finished):
    _, cancelled = finished
    first = next(record for record in records if record["JobId"] == cancelled)
    assert first["JobState"] == "CANCELLED"
    again = [record for record in records if record["Comment"] == first["Comment"] and record is not first]
    assert [record["JobState"] for record in again] == ["COMPLETED"]
    assert int(again[0]["Mem"]) == 2 * int(first["Mem"])
    assert minutes(again[0]["TimeLimit"]) == 2 * minutes(first["TimeLimit"])


def test_every_other_job_ended_well_the_first_time(records, finished):
    _, cancelled = finished
    assert {record["JobState"] for record in records if record["JobId"] != cancelled} == {"COMPLETED"}
    comments = [record["Comment"] for record in records if rule_of(record) in GPU_RULES]
    assert len(comments) == len(set(comments)) + 1


def test_short_rules_went_in_batches(records):
    rules = [rule_of(record) for record in records]
    alone = set(PROFILE["groups"]) & set(rules)
    assert alone == set()
    assert not any(rule.startswith("plot_") for rule in rules)
    # six subjects, four rules each; a dozen methods, two degraded ones and four with patients; tables and figures
    assert sum(rule.startswith("preprocess_") for rule in rules) == 1
    assert sum(rule.startswith("evaluate_evaluate") for rule in rules) == 3
    assert sum(rule.startswith("report_") for rule in rules) == 1
    batch = next(record for record in records if rule_of(record).startswith("preprocess_"))
    assert int(batch["NumCPUs"]) == PROFILE["resources"]["lanes"]


def test_the_results_are_there_and_the_log_of_the_cancelled_job_too(finished):
    folder, cancelled = finished
    for name in ("tables/table1.csv", "tables/table2.md", "figures/fig10_registration.png", "metrics/structures.csv"):
        assert (folder / "results" / "smoke" / name).stat().st_size > 0
    logs = list((folder / PROFILE["slurm-logdir"]).rglob("*.log"))
    assert [path.stem for path in logs] == [cancelled]
    assert logs[0].parts[-3] == f"rule_{CANCELLED}"
    assert "CANCELLED" in logs[0].read_text()


def test_a_second_run_submits_nothing(finished, records, slurm):
    folder, _ = finished
    assert submit(slurm, folder).returncode == 0
    assert "Nothing to be done" in (folder / "snakemake.log").read_text()
    assert len(slurm.jobs()) == len(records)


def test_a_site_with_gres_alone(finished, slurm, tmp_path):
    # as README says: `gpu: 0` and `gres` in the blocks of the GPU rules
    profile = copy.deepcopy(PROFILE)
    for rule in GPU_RULES:
        profile["set-resources"][rule].update(gpu=0, gres="gpu:1")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(profile))
    folder, _ = finished
    target = "results/smoke/segment/fold1.json"
    before = {record["JobId"] for record in slurm.jobs()}
    assert submit(slurm, folder, "--force", target, profile=tmp_path).returncode == 0
    new = [record for record in slurm.jobs() if record["JobId"] not in before]
    assert [rule_of(record) for record in new] == ["segment_rdnn"]
    assert new[0]["TresPerNode"] == "gres:gpu:1"
    assert "TresPerJob" not in new[0]
    assert slurm.visible_devices()[new[0]["JobId"]] == "0"
    assert Path(folder, target).is_file()
