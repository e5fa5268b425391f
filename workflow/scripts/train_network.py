"""Train a registration network on one fold: weights, history and manifest."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ganreg import cli, io, manifest
from ganreg.learn.training import late_gain, under_trained
from ganreg.register import learned
from ganreg.register.recipe import Recipe
from ganreg.register.settings import Unet, Unrolled, Voxelmorph
from ganreg.resume import resume_key
from ganreg.settings import Block
from ganreg.split import folds


class Options(Block):
    """The network, and what it is trained on."""

    settings: Unet | Unrolled | Voxelmorph
    recipe: Recipe


def main(argv: list[str] | None = None) -> None:
    parser = cli.parser(__doc__, Options)
    cli.add_paths(parser, "folds", "structures", "subjects", "weights", "history", "manifest")
    parser.add_argument("--fold", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--samples", type=Path, help="folder of synthetic subjects, where the arm has them")
    parser.add_argument("--start", type=Path, help="weights to start from, where there are any")
    parser.add_argument("--origins", type=Path, nargs="*", default=[], help="manifests of samples and of the start")
    parser.add_argument(
        "--velocities", type=Path, nargs="*", default=[], help="velocities from the template to subjects"
    )
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    history, opened = learned.train(
        args.method,
        options.settings,
        options.recipe,
        fold,
        pd.read_csv(args.structures, sep="\t"),
        args.subjects,
        args.weights,
        resume_key(options, args.code),
        args.samples,
        args.start,
        args.velocities,
    )
    gain = late_gain(history)
    for path in args.origins:
        origin = io.read_json(path)
        opened |= origin["opened"]
        # what it started from may not have been flat; what cannot be told of one cannot be told of both
        gain = np.maximum(gain, origin.get("late_gain", gain))
    io.write_text(args.history, "".join(json.dumps(line) + "\n" for line in history))
    manifest.write(
        args.manifest,
        ["torch", "monai", "numpy", "nibabel"],
        fold=fold["fold"],
        method=args.method,
        options=options,
        opened=opened,
        under_trained=under_trained(gain),
        late_gain=float(gain),
        best=max(line["validation_dice"] for line in history),
    )


if __name__ == "__main__":
    cli.run(main)
