"""Train a segmentation network on one part of a fold's subjects."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.learn.session import write_history
from ganreg.learn.training import late_gain, under_trained
from ganreg.segment.settings import RdnnPart
from ganreg.segment.training import train
from ganreg.split import folds


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.parser(__doc__, RdnnPart)
    cli.add_paths(parser, "folds", "structures", "subjects", "weights", "history", "manifest")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    structures = pd.read_csv(args.structures, sep="\t")
    name = args.weights.stem
    history, opened = train(name, args.options, fold, structures, args.subjects, args.weights, args.code)
    write_history(args.history, history)
    summary = {
        "under_trained": under_trained(late_gain(history)),
        "best": max(line["validation_dice"] for line in history),
    }
    content = {"fold": fold["fold"], "method": name, "options": args.options, "opened": opened, **summary}
    manifest.write(args.manifest, ["torch", "numpy", "scipy", "nibabel"], **content)


if __name__ == "__main__":
    cli.run(main)
