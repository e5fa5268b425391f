"""Train a registration network on one fold: weights, history and manifest."""

import json
from pathlib import Path

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.learn.training import still_falling
from ganreg.preprocess.settings import Augmentation
from ganreg.register import learned
from ganreg.register.settings import Unet, Voxelmorph
from ganreg.resume import resume_key
from ganreg.settings import Block
from ganreg.split import folds
from ganreg.split.settings import Task
from ganreg.synthesize.settings import Synthetic


class Options(Block):
    """The network, what it is trained for, and what an arm of the experiment adds to the real subjects."""

    settings: Unet | Voxelmorph
    task: Task
    augmentation: Augmentation | None
    synthetic: Synthetic | None


def main(argv: list[str] | None = None) -> None:
    parser = cli.parser(__doc__, Options)
    cli.add_paths(parser, "folds", "structures", "subjects", "weights", "history", "manifest")
    parser.add_argument("--fold", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--samples", type=Path, help="folder of synthetic subjects, where the arm has them")
    parser.add_argument("--samples-manifest", type=Path, help="what they were made from")
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    history, opened = learned.train(
        args.method,
        options.settings,
        fold,
        options.task,
        pd.read_csv(args.structures, sep="\t"),
        args.subjects,
        args.weights,
        resume_key(options, args.code),
        options.augmentation,
        options.synthetic,
        args.samples,
    )
    if args.samples_manifest:
        opened |= io.read_json(args.samples_manifest)["opened"]
    io.write_text(args.history, "".join(json.dumps(line) + "\n" for line in history))
    manifest.write(
        args.manifest,
        ["torch", "monai", "numpy", "nibabel"],
        fold=fold["fold"],
        method=args.method,
        options=options,
        opened=opened,
        under_trained=still_falling(history),
        best=max(line["validation_dice"] for line in history),
    )


if __name__ == "__main__":
    cli.run(main)
