"""Measure one method's pairs from its transform files: Dice, surface distance, regularity, true error."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import leakage, pairs
from ganreg.settings import Block


class Options(Block):
    """The set of subjects that is measured."""

    dataset: str
    reference: str


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "structures", "subjects", "output_structures", "output_pairs",
        many=("transforms",),
    )  # fmt: skip
    parser.add_argument("--method", required=True)
    parser.add_argument("--manifests", nargs="*", type=Path, default=[], help="what the models' data loaders opened")
    parser.add_argument("--truth", help="folder of true fields or matrices; empty where there is no truth")
    args = parser.parse_args(argv)
    folds = io.read_json(args.folds)["folds"]
    leakage.refuse_leakage(args.manifests, folds, partial(leakage.training_files, args.subjects))
    data = pairs.Measured(
        args.options.dataset,
        args.subjects,
        pd.read_csv(args.structures, sep="\t"),
        args.options.reference,
        Path(args.truth) if args.truth else None,
    )
    structures, per_pair = pairs.evaluate_pairs(folds, args.method, pairs.transforms_in(args.transforms), data)
    io.write_table(args.output_structures, structures)
    io.write_table(args.output_pairs, per_pair)


if __name__ == "__main__":
    cli.run(main)
