"""Measure a network's uncertainty against its true error, and its inverse consistency, over all test pairs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ganreg import cli, io
from ganreg.evaluate import leakage, uncertainty
from ganreg.evaluate.truth import TrueField
from ganreg.settings import Block


class Options(Block):
    """As they stand in the table."""

    dataset: str
    method: str


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "subjects", "output_pairs", "output_reliability",
        many=("transforms", "sampled", "manifests"),
    )  # fmt: skip
    parser.add_argument("--truth", help="folder of the cohort's true fields; empty where there is no truth")
    args = parser.parse_args(argv)
    folds = io.read_json(args.folds)["folds"]
    leakage.refuse_leakage(args.manifests, folds, partial(leakage.training_files, args.subjects))
    lines, curve = uncertainty.evaluate_uncertainty(
        folds,
        args.options.method,
        args.options.dataset,
        list(zip(args.transforms, args.sampled, strict=True)),
        args.subjects,
        TrueField(args.subjects, Path(args.truth)) if args.truth else None,
    )
    io.write_table(args.output_pairs, lines)
    io.write_table(args.output_reliability, curve)


if __name__ == "__main__":
    cli.run(main)
