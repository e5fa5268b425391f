"""Measure one fold's network on training and on test pairs, and count what a registration takes."""

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import networks
from ganreg.register.settings import Unet, Unrolled, Voxelmorph
from ganreg.settings import Block
from ganreg.split import folds
from ganreg.split.settings import Task


class Options(Block):
    """The network, and how subjects are paired."""

    settings: Unet | Unrolled | Voxelmorph
    task: Task


def main(argv: list[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "structures", "weights", "output")
    parser.add_argument("--fold", required=True)
    parser.add_argument("--method", required=True)
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    structures = pd.read_csv(args.structures, sep="\t")
    lines = networks.measure(args.method, args.weights, options.settings, fold, options.task, structures, args.subjects)
    io.write_table(args.output, pd.DataFrame(lines))


if __name__ == "__main__":
    cli.run(main)
