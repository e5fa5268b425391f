"""Draw Dice against the number of training subjects, with and without augmentation (Fig. 13)."""

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import tables
from ganreg.report import style


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "output", many=("structures",))
    args = parser.parse_args(argv)
    options, compared = args.options["plot"], args.options["compared"]
    structures = pd.concat([pd.read_csv(path) for path in args.structures])
    structures = structures[~structures["structure"].isin(args.options["exclude"])]
    # folds may differ by one subject
    whole = min(len(fold["train"]) for fold in io.read_json(args.folds)["folds"])
    data = tables.by_training_size(structures, compared, whole, args.options["evaluation"])
    with style.figure(options, args.output, data, figsize=(4.6, 3.2)) as (_, axes):
        axis = axes[0][0]
        for place, (method, color) in enumerate(zip(compared, style.colors(options, len(compared)), strict=True)):
            own = data[data["method"] == method]
            errors = [own["dice_mean"] - own["ci_low"], own["ci_high"] - own["dice_mean"]]
            axis.errorbar(
                own["training_subjects"] + 0.1 * place, own["dice_mean"], errors, marker="o", capsize=3, color=color,
                label=style.name_of(method),
            )  # fmt: skip
        axis.set_xticks(sorted(data["training_subjects"].unique()))
        axis.set_xlabel("training subjects")
        axis.set_ylabel("Dice, test subjects")
        axis.legend(frameon=False)
        axis.grid(axis="y", alpha=0.3)


if __name__ == "__main__":
    cli.run(main)
