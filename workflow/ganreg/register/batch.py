"""A batch of pairs as one job: resumable, with seconds and peak memory of each pair."""

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ganreg import io
from ganreg.errors import InputError
from ganreg.progress import Progress
from ganreg.register.cost import COST_FILE
from ganreg.resume import resume_key, unfinished
from ganreg.split.folds import Pair
from ganreg.volumes import bids

# (fixed image, moving image, what else it reads, transform file to write) -> peak MiB of a child process, or None
Register = Callable[..., float | None]


def peak_mib() -> float:
    """Peak resident memory of this process in MiB, since `_reset_peak`, if ever; NaN where /proc does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float("nan")


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _timed(register: Register, paths: Sequence[Path], output: Path, threads: int) -> dict[str, float]:
    """Register a pair; returns what it cost, as the table shows it."""
    _reset_peak()
    began = time.perf_counter()
    child_peak = register(*paths, output)
    seconds = time.perf_counter() - began
    peak = peak_mib() if child_peak is None else child_peak
    return {"seconds": round(seconds, 3), "threads": threads, "peak_mib": round(peak, 1)}


def register_batch(
    pairs: Sequence[Pair],
    fold: int,
    method: str,
    threads: int,
    inputs_of: Callable[[Pair], Sequence[Path]],
    register: Register,
    output: Path,
    key: str,
) -> None:
    """Register pairs one after the other into a folder of transform files and a cost table.

    Parameters
    ----------
    pairs : list of dict
        `pair`, `fixed`, `moving`, and `modality` where not all moving images are of one. There may be none.
    fold : int
    method : str
    threads : int, as the cost table reports
    inputs_of : function (pair) -> the paths that `register` reads, the fixed and the moving image first
    register : function (*paths, output) -> None or the peak MiB of a child process
        Writes the transform file.
    output : Path of the folder; a finished part lies beside it until the whole stands
    key : str
        Resume key of settings and code; it is completed with the images' hashes, and a part with another one is set
        aside.
    """
    hashes = {str(path): io.sha256(path) for pair in pairs for path in inputs_of(pair)}
    with unfinished(output, resume_key(key, hashes), method) as part:
        progress = Progress(f"{method} fold {fold}", len(pairs))
        costs = []
        for pair in pairs:
            spent = part.finished(pair["pair"])
            if spent is None:
                path = part.folder / f"{pair['pair']}.nii.gz"
                spent = _timed(register, inputs_of(pair), path, threads)
                part.finish(pair["pair"], [path], spent)
            costs.append({"fold": fold, **pair, "method": method, **spent})
            progress.step()
        progress.close()

        columns = ["fold", "pair", "fixed", "moving", "method", "seconds", "threads", "peak_mib"]
        table = pd.DataFrame(costs, columns=columns).sort_values("pair")
        io.write_table(part.folder / COST_FILE, table)


def batch_of(pairs: Sequence[Pair], number: int, size: int) -> Sequence[Pair]:
    """The pairs of a batch by its number, from 1; none where there are no more."""
    return pairs[(number - 1) * size : number * size]


def inputs_of_pairs(subjects: Path, fixed: str, moving: str, partial: bool) -> Callable[[Pair], list[Path]]:
    """What registering a pair of preprocessed subjects reads.

    Parameters
    ----------
    subjects : Path of their folder
    fixed, moving : str, modalities; that of the moving image unless the pair has its own
    partial : bool, whether scans may reach over a part of the head

    Returns
    -------
    function (pair) -> paths of the fixed and the moving image, and with `partial` of their fields of view
    """
    names = [bids.preprocessed, bids.field_of_view] if partial else [bids.preprocessed]

    def inputs_of(pair: Pair) -> list[Path]:
        images = (pair["fixed"], fixed), (pair["moving"], pair.get("modality", moving))
        return [bids.path(subjects, subject, name(modality)) for name in names for subject, modality in images]

    return inputs_of


def in_common_field_of_view(register: Register) -> Register:
    """A registration of two images cut to where the scans of both reach.

    What one scan covers and the other does not is an edge without counterpart: methods pull at it.

    Parameters
    ----------
    register : function (fixed path, moving path, output)

    Returns
    -------
    function (fixed path, moving path, fixed view, moving view, output)
        The views are masks of the fields of view, on the images' grid. It raises an InputError if they have nothing in
        common.
    """

    def register_common(
        fixed_path: Path, moving_path: Path, fixed_view: Path, moving_view: Path, output: Path
    ) -> float | None:
        paths, views = (fixed_path, moving_path), (fixed_view, moving_view)
        common = np.logical_and(*(np.asarray(io.load_labels(path).dataobj) > 0 for path in views))
        if not common.any():
            raise InputError(f"{fixed_view}: expected a place that {moving_view} has, too, found none")
        with io.scratch() as folder:
            cut = [folder / f"{name}.nii.gz" for name in ("fixed", "moving")]
            for path, copy in zip(paths, cut, strict=True):
                image = io.load_image(path)
                io.save(copy, np.where(common, np.asarray(image.dataobj), 0), image.affine)
            return register(*cut, output)

    return register_common
