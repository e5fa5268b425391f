"""Divide a second data set's subjects into folds and list what is registered in each."""

from collections.abc import Sequence

from ganreg import cli, io
from ganreg.settings import Block, Count, Label, Whole
from ganreg.split import folds


class Options(Block):
    """What the folds depend on."""

    modalities: dict[str, list[Label]]
    """Of each subject, beside the reference."""
    between: list[Label]
    within: list[Label]
    folds: Count
    seed: Whole


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "output").parse_args(argv)
    options = args.options
    content = folds.external_folds(options.modalities, options.between, options.within, options.folds, options.seed)
    io.write_json(args.output, content)


if __name__ == "__main__":
    cli.run(main)
