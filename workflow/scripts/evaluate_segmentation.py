"""Measure the segmentation networks' maps: Dice of each structure against the reference labels."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate.segmentation import evaluate_maps
from ganreg.settings import Block


class Options(Block):
    """As they stand in the table."""

    dataset: str


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "structures", "subjects", "output", many=("maps",))
    args = parser.parse_args(argv)
    folds = {f"fold{fold['fold']}": fold for fold in io.read_json(args.folds)["folds"]}
    structures = pd.read_csv(args.structures, sep="\t")
    lines = []
    for folder in args.maps:
        # fold1, or fold1_norecurrence
        fold, _, ablation = folder.name.partition("_")
        model = f"rdnn_{ablation}" if ablation else "rdnn"
        lines += evaluate_maps(folds[fold], args.options.dataset, model, folder, args.subjects, structures)
    io.write_table(args.output, pd.DataFrame(lines))


if __name__ == "__main__":
    cli.run(main)
