"""A batch of pairs as one job: resumable, with seconds and peak memory of each pair."""

import contextlib
import time
from pathlib import Path

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.errors import InputError
from ganreg.progress import Progress, mark_of, unfinished
from ganreg.register.cost import COST_FILE
from ganreg.split import folds


def peak_mib():
    """Peak resident memory of this process in MiB, since `_reset_peak`, if ever; NaN where /proc does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float("nan")


def _reset_peak():
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def register_batch(pairs, fold, method, threads, image_paths, register, output, mark):
    """Register pairs one after the other into a folder of transform files and a cost table.

    Parameters
    ----------
    pairs : list of dict
        `pair`, `fixed`, `moving`, and `modality` where not all moving images are of one.
    fold : int
    method : str
    threads : int, as the cost table reports
    image_paths : function (pair) -> (fixed path, moving path, and others that `register` takes)
    register : function (*paths, output) -> None or the peak MiB of a child process
        Writes the transform file.
    output : Path of the folder; a finished part lies beside it until the whole stands
    mark : str
        Fingerprint of options and code; it is completed with the images' hashes, and a part with another one is set
        aside.
    """
    hashes = {str(path): io.sha256(path) for pair in pairs for path in image_paths(pair)}
    with unfinished(output, mark_of(mark, hashes), method) as part:
        progress = Progress(f"{method} fold {fold}", len(pairs))
        costs = []
        for pair in pairs:
            spent = part.finished(pair["pair"])
            if spent is None:
                _reset_peak()
                began = time.perf_counter()
                path = part.folder / f"{pair['pair']}.nii.gz"
                child_peak = register(*image_paths(pair), path)
                seconds = time.perf_counter() - began
                peak = peak_mib() if child_peak is None else child_peak
                spent = {"seconds": round(seconds, 3), "threads": threads, "peak_mib": round(peak, 1)}
                part.finish(pair["pair"], [path], spent)
            costs.append({"fold": fold, **pair, "method": method, **spent})
            progress.step()
        progress.close()

        columns = ["fold", "pair", "fixed", "moving", "method", "seconds", "threads", "peak_mib"]
        table = pd.DataFrame(costs, columns=columns).sort_values("pair")
        io.write_table(part.folder / COST_FILE, table)


def in_common_view(register):
    """A registration of two images as seen where the scans of both reach.

    What one scan covers and the other does not is an edge without counterpart: methods pull at it.

    Parameters
    ----------
    register : function (fixed path, moving path, output)

    Returns
    -------
    function (fixed path, moving path, fixed view, moving view, output)
        The views are Paths of masks on the images' grid. It raises an InputError if they have nothing in common.
    """

    def register_seen(fixed_path, moving_path, fixed_view, moving_view, output):
        paths, views = (fixed_path, moving_path), (fixed_view, moving_view)
        seen = np.logical_and(*(np.asarray(io.load_labels(path).dataobj) > 0 for path in views))
        if not seen.any():
            raise InputError(f"{fixed_view}: expected a place that {moving_view} has, too, found none")
        with io.scratch() as folder:
            cut = [folder / f"{name}.nii.gz" for name in ("fixed", "moving")]
            for path, beside in zip(paths, cut, strict=True):
                image = io.load_image(path)
                io.save(beside, np.where(seen, np.asarray(image.dataobj), 0), image.affine)
            return register(*cut, output)

    return register_seen


def run(parser, argv, registrar):
    """The body of every `register_*` script: the fold's pairs of one batch.

    With the option `common_view` the images are cut as `in_common_view` says.

    Parameters
    ----------
    parser : argparse.ArgumentParser, with the script's own arguments
    argv : list of str, or None
    registrar : function (args) -> register
        `register` is a function (fixed path, moving path, output), otherwise as `register_batch` wants it.
    """
    parser = cli.add_paths(parser, "folds", "subjects", "output")
    parser.add_argument("--fold", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--batch", type=int, default=1, help="number of this batch, from 1")
    args = parser.parse_args(argv)
    options = args.options
    threads = options["settings"].get("threads", 1)
    cli.set_threads(threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    size = options.get("pairs_per_batch", len(fold["pairs"]))
    pairs = fold["pairs"][(args.batch - 1) * size : args.batch * size]
    extra = {"weights": io.sha256(args.weights)} if "weights" in args else {}

    register, names = registrar(args), ["desc-preproc_{}"]
    if options.get("common_view"):
        register, names = in_common_view(register), [*names, "mod-{}_desc-fov_mask"]

    def image_paths(pair):
        roles = (pair["fixed"], options["fixed"]), (pair["moving"], pair.get("modality", options["moving"]))
        return [
            args.subjects / f"sub-{subject}" / "anat" / f"sub-{subject}_{name.format(modality)}.nii.gz"
            for name in names
            for subject, modality in roles
        ]

    mark = mark_of(options, args.code, extra)
    register_batch(pairs, fold["fold"], args.method, threads, image_paths, register, args.output, mark)
