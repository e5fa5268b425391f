"""Join the methods' measurements into the long table, the per-pair table and the cost table."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io
from ganreg.errors import InputError
from ganreg.evaluate import tables
from ganreg.register.cost import COST_FILE
from ganreg.settings import Block


class Options(Block):
    """The data set, and structures that are left out."""

    dataset: str
    exclude: list[str]


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "output_structures", "output_pairs", "output_cost",
        many=("structures", "pairs", "transforms"),
    )  # fmt: skip
    args = parser.parse_args(argv)
    structures = tables.joined(args.structures)
    if unknown := sorted({*args.options.exclude} - {*structures["structure"]}):
        known = ", ".join(sorted(structures["structure"].unique()))
        raise InputError(f"config: evaluation.exclude: expected some of {known}, found {unknown[0]}")
    io.write_table(args.output_structures, structures[~structures["structure"].isin(args.options.exclude)])
    io.write_table(args.output_pairs, tables.joined(args.pairs))
    cost = pd.concat([pd.read_csv(folder / COST_FILE) for folder in args.transforms])
    cost.insert(0, "dataset", args.options.dataset)
    io.write_table(args.output_cost, cost)


if __name__ == "__main__":
    cli.run(main)
