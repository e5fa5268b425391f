"""Several GPUs in one machine: each process takes one of its own."""

import os
import subprocess
import sys

import pytest

from ganreg.learn.gpus import take

DEVICES = ["first", "second"]
# takes a device, says which, and keeps it until it is told to end
PROCESS = """
import sys
from pathlib import Path
from ganreg.learn.gpus import take
print(take(sys.argv[2:], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path, root):
    """A function that starts a process which takes a device; the process, and which device it took."""
    processes = []

    def begin(devices=DEVICES):
        command = [sys.executable, "-c", PROCESS, str(tmp_path), *devices]
        environment = {**os.environ, "PYTHONPATH": str(root / "workflow")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, env=environment, **pipes))
        return processes[-1], int(processes[-1].stdout.readline())

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def test_two_processes_take_two_devices_and_a_killed_one_leaves_its_own(start):
    first, of_first = start()
    _, of_second = start()
    assert (of_first, of_second) == (0, 1)
    first.kill()
    first.wait()
    assert start()[1] == 0


def test_a_device_is_known_by_what_it_is_whatever_its_place(start):
    start(["second"])
    assert start()[1] == 0


def test_where_all_are_taken_one_is_shared_and_nobody_waits(start):
    assert [start(["only"])[1] for _ in range(3)] == [0, 0, 0]


def test_a_device_that_is_taken_by_another_process_is_left_to_it(start, tmp_path):
    start()
    assert take(DEVICES, tmp_path) == 1
