"""Divide the subjects into folds and list the pairs of each."""

from collections.abc import Sequence

from ganreg import cli, io
from ganreg.settings import Block
from ganreg.split import folds
from ganreg.split.settings import Folds, Task


class Options(Block):
    """What the folds depend on."""

    subjects: list[str]
    split: Folds
    task: Task


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "output").parse_args(argv)
    options = args.options
    io.write_json(args.output, folds.make_folds(options.subjects, options.split, options.task))


if __name__ == "__main__":
    cli.run(main)
