"""After a failure the next run goes on: a job that was killed from its checkpoint, a full disk with what stands."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from conftest import SMOKE, copy_project, snakemake

from ganreg import io

WEIGHTS = "results/smoke/models/fold1/unet_none.pt"
# longer than the preset's, so that there is time to meet a training that has left a checkpoint
LONGER = {"unet": {"steps": 40, "validate_every": 2}}


def training_processes(folder):
    """Identifiers of the processes that train the U-Net in a copy of the project."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(folder / "workflow/scripts/train_network.py") in words:
            found.append(int(name))
    return found


def test_a_killed_training_job_goes_on_from_its_checkpoint_to_the_same_weights(finished, tmp_path):
    folder = Path(shutil.copytree(finished, tmp_path / "copy", symlinks=True))
    (folder / "longer.yaml").write_text(yaml.safe_dump(LONGER))
    arguments = ["--configfile", SMOKE, "longer.yaml", "--cores", "1", "--", WEIGHTS]
    checkpoint = (folder / WEIGHTS).with_name(".unet_none.pt.checkpoint")
    running = subprocess.Popen([sys.executable, "-m", "snakemake", *arguments], cwd=folder, stderr=subprocess.PIPE)
    while not checkpoint.is_file():
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.01)
    for number in training_processes(folder):
        os.kill(number, signal.SIGKILL)
    assert running.wait() != 0
    running.stderr.close()
    assert checkpoint.is_file()
    assert not (folder / WEIGHTS).exists()

    def train():
        result = snakemake(folder, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        log = (folder / "results/smoke/logs/train_unet/fold1_unet_none.log").read_text()
        return "goes on from" in log, torch.load(folder / WEIGHTS)

    resumed, weights = train()
    assert resumed
    assert not checkpoint.exists()
    (folder / WEIGHTS).unlink()
    resumed, uninterrupted = train()
    assert not resumed
    assert all(torch.equal(weights[key], uninterrupted[key]) for key in uninterrupted)


def test_a_full_disk_is_one_line_and_finished_subjects_are_kept(tmp_path):
    folder = copy_project(tmp_path / "project")
    disk = folder / "results" / "smoke"
    disk.mkdir()
    # a namespace of its own: the small disk is gone with the process
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
    mount = f"mount -t tmpfs -o size=45m tmpfs '{disk}'"
    if not shutil.which("unshare") or subprocess.run([*alone, mount], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    targets = [f"results/smoke/bids/sub-0{number}/anat/sub-0{number}_T1w.nii.gz" for number in (1, 2, 3)]
    command = f"'{sys.executable}' -m snakemake --cores 1 --quiet rules --configfile {SMOKE} -- {' '.join(targets)}"
    made = "find results/smoke/bids/sub-* -name '*.nii.gz' -printf '%p %T@\\n'"
    script = f"""
        {mount}
        cd '{folder}'
        {command} > first.log 2>&1 && exit 1
        {made} > before
        mount -o remount,size=200m '{disk}'
        {command} > second.log 2>&1
        {made} > after
    """
    result = subprocess.run([*alone, script], capture_output=True, text=True, check=False)
    first = (folder / "first.log").read_text()
    assert result.returncode == 0, result.stdout + result.stderr + first
    lines = [line for line in first.splitlines() if "error: " in line]
    assert len(lines) == 1
    assert lines[0].startswith("results/smoke/logs/get_cohort/")
    assert "expected room to write it, found none: No space left on device" in lines[0]
    assert "Traceback" not in first
    # what fitted in was not made again
    before, after = (set((folder / name).read_text().splitlines()) for name in ("before", "after"))
    assert before
    assert before < after
    assert len(after) == 2 * len(targets)


def test_the_record_of_the_run_says_what_made_it(finished):
    results = finished / "results" / "smoke"
    record = io.read_json(results / "provenance.json")
    assert record["config"]["pathvars"]["results"] == "results/smoke"
    assert record["config"]["unet"]["steps"] == yaml.safe_load((finished / SMOKE).read_text())["unet"]["steps"]
    assert record["seeds"]["cohort.seed"] == 1
    assert record["seconds"]["train_rdnn"]["jobs"] == 4
    # the label table; images, labels and mask of 6 subjects, and of 4 of the second data set
    assert len(record["data"]) == 1 + 6 * 4 + 4 * 6
    for path, digest in record["data"].items():
        assert io.sha256(finished / path) == digest
    assert record["versions"]["numpy"]
    page = (results / "provenance.html").read_text()
    assert all(f"<h3>{title}</h3>" in page for title in record)
    assert all(digest in page for digest in record["data"].values())
