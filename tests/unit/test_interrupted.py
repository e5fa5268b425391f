"""Work that was cut off: what is finished is kept, what is half written is not trusted, a full disk is one line."""

import contextlib
import resource
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.learn.checkpoint import Checkpoint, save_weights
from ganreg.register import batch
from ganreg.register.cost import COST_FILE
from ganreg.resume import LEDGER

PAIRS = [{"pair": f"pair{number}", "fixed": "01", "moving": f"{number:02d}"} for number in (1, 2, 3)]


@pytest.fixture
def register(tmp_path):
    """A function (pair to stop at, resume key) that registers a batch; it notes each pair that was registered."""
    for name in ("fixed", "moving"):
        (tmp_path / name).write_text(name)
    calls = []

    def run(stop_at=None, key="key"):
        def one(_fixed, _moving, output):
            if output.name == f"{stop_at}.nii.gz":
                raise KeyboardInterrupt
            calls.append(output.name.removesuffix(".nii.gz"))
            io.save(output, np.full((4, 4, 4), len(output.name)), np.eye(4))

        images = (tmp_path / "fixed", tmp_path / "moving")
        batch.register_batch(PAIRS, 1, "toy", 1, lambda _: images, one, tmp_path / "out", key)

    run.calls, run.part, run.output = calls, tmp_path / ".out.part", tmp_path / "out"
    return run


def test_a_batch_goes_on_from_its_finished_pairs(register):
    with pytest.raises(KeyboardInterrupt):
        register(stop_at="pair3")
    assert not register.output.exists()
    register()
    assert register.calls == ["pair1", "pair2", "pair3"]
    names = sorted(path.name for path in register.output.iterdir())
    assert names == sorted([COST_FILE, *(f"{pair['pair']}.nii.gz" for pair in PAIRS)])
    assert not register.part.exists()
    cost = pd.read_csv(register.output / COST_FILE)
    assert list(cost["pair"]) == ["pair1", "pair2", "pair3"]
    assert cost[["seconds", "peak_mib", "moving"]].notna().all(axis=None)


@pytest.mark.parametrize("damage", ["cut short", "empty", "gone"])
def test_a_half_written_pair_is_registered_anew(register, capsys, damage):
    with pytest.raises(KeyboardInterrupt):
        register(stop_at="pair3")
    path = register.part / "pair2.nii.gz"
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[: len(content) // 2 if damage == "cut short" else 0])
    register()
    assert register.calls == ["pair1", "pair2", "pair2", "pair3"]
    assert (register.output / "pair2.nii.gz").read_bytes() == content
    assert "pair2.nii.gz is not as it was written: pair2 is made anew" in capsys.readouterr().out


def test_a_ledger_that_was_cut_short_keeps_what_is_before_the_cut(register):
    with pytest.raises(KeyboardInterrupt):
        register(stop_at="pair3")
    ledger = register.part / LEDGER
    ledger.write_bytes(ledger.read_bytes()[:-20])
    with pytest.raises(KeyboardInterrupt):
        register(stop_at="pair3")
    # what follows the cut is read again, too
    register()
    assert register.calls == ["pair1", "pair2", "pair2", "pair3"]


@pytest.mark.parametrize("damage", [b"", b"{", None])
def test_a_part_without_a_key_of_its_own_is_set_aside(register, capsys, damage):
    with pytest.raises(KeyboardInterrupt):
        register(stop_at="pair3")
    ledger = register.part / LEDGER
    ledger.unlink() if damage is None else ledger.write_bytes(damage)
    register()
    assert register.calls == ["pair1", "pair2", "pair1", "pair2", "pair3"]
    assert "set aside" in capsys.readouterr().out


def test_what_a_killed_process_left_beside_a_file_is_removed_and_nothing_else(tmp_path):
    (tmp_path / ".partial-123-table.csv").write_text("half")
    (tmp_path / ".partial-123-table.csv.gz").write_text("of another file")
    (tmp_path / ".partial-124-folder").mkdir()
    (tmp_path / ".partial-124-folder" / "file").write_text("half")
    io.write_text(tmp_path / "table.csv", "whole")
    with io.atomic(tmp_path / "folder") as beside:
        beside.mkdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial-123-table.csv.gz", "folder", "table.csv"]
    assert (tmp_path / "table.csv").read_text() == "whole"


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_checkpoint_that_was_cut_short_is_set_aside(tmp_path, capsys, kept):
    checkpoint = Checkpoint(tmp_path / "toy.pt", "key", "toy")
    checkpoint.save({"weights": torch.arange(10_000.0)})
    assert torch.equal(checkpoint.load()["weights"], torch.arange(10_000.0))
    content = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(content[: int(kept * len(content))])
    assert checkpoint.load() is None
    assert "toy.pt.checkpoint cannot be read: set aside" in capsys.readouterr().out
    assert not checkpoint.path.exists()
    assert checkpoint.load() is None


@contextlib.contextmanager
def small_files():
    """Within, a file takes no more than 10,000 bytes, as on a disk that has no more to give.

    No fixture: the test runner's own log may be a longer file, and is written to before a fixture ends.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


WRITERS = {
    "volume.nii.gz": lambda path: io.save(path, np.random.default_rng(0).normal(size=(20, 20, 20)), np.eye(4)),
    "weights.pt": lambda path: save_weights(path, {"weights": torch.arange(10_000.0)}),
    "table.csv": lambda path: io.write_table(path, pd.DataFrame({"value": range(10_000)})),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path, name):
    (tmp_path / name).write_text("as before")
    with (
        small_files(),
        pytest.raises(InputError, match=rf"{name}: expected room to write it, found none: File too large"),
    ):
        WRITERS[name](tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "as before"


def test_a_script_on_a_full_disk_says_so_in_its_last_line(tmp_path, root):
    """The checkpoint of a network's training: torch itself would end with a traceback."""
    program = f"""
import resource, torch
from ganreg import cli
from ganreg.learn.checkpoint import Checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
checkpoint = Checkpoint({str(tmp_path / "toy.pt")!r}, "key", "toy")
cli.run(lambda: checkpoint.save({{"weights": torch.arange(10_000.0)}}))
"""
    environment = {"PYTHONPATH": str(root / "workflow")}
    result = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "toy.pt.checkpoint: expected room to write it, found none" in result.stderr.splitlines()[-1]
