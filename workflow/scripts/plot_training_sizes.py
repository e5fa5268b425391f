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
    sizes = sorted(data["training_subjects"].unique())
    shift = 0.02 * (sizes[-1] - sizes[0])
    with style.figure(options, args.output, data, figsize=(7.2, 3.2), ncols=2) as (_, axes):
        left, right = axes[0]
        for place, (method, color) in enumerate(zip(compared, style.colors(options, len(compared)), strict=True)):
            own = data[data["method"] == method]
            means = own["dice_mean"]
            errors = [means - own["ci_low"], own["ci_high"] - means]
            where = own["training_subjects"] + (place - 0.5) * shift
            left.errorbar(where, means, errors, marker="o", capsize=3, color=color, label=style.name_of(method))
        gains = own["gain"]
        errors = [gains - own["gain_low"], own["gain_high"] - gains]
        right.errorbar(own["training_subjects"], gains, errors, marker="o", capsize=3, color=color)
        right.axhline(0, color="0.5", linewidth=0.8)
        left.set_ylabel("Dice, test subjects")
        right.set_ylabel("what the augmentation adds")
        left.legend(frameon=False)
        for axis in (left, right):
            axis.set_xticks(sizes)
            axis.set_xlabel("training subjects")
            axis.grid(axis="y", alpha=0.3)


if __name__ == "__main__":
    cli.run(main)
