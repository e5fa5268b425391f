"""Draw Dice against the number of training subjects, with and without augmentation (Fig. 13)."""

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import tables
from ganreg.report import style


def measure(paths, folds, options):
    """A line for each method and number of training subjects: mean Dice over test subjects and its interval."""
    rows = []
    for path in paths:
        long = pd.read_csv(path)
        long = long[~long["structure"].isin(options["exclude"])]
        name = long["method"].iloc[0]
        method, size = next(
            ((base, name.removeprefix(f"{base}_n")) for base in options["compared"] if name.startswith(f"{base}_n")),
            (name, None),
        )
        dice = tables.subject_means(long, "dice")[name]
        fold_of = dice.index.get_level_values("fold").to_numpy()
        interval = tables.bootstrap_interval(dice.to_numpy(), fold_of, options["bootstrap"], options["seed"])
        subjects = int(size) if size else min(len(fold["train"]) for fold in folds)
        row = {"method": method, "training_subjects": subjects, "dice_mean": dice.mean()}
        rows.append({**row, "ci_low": interval[0], "ci_high": interval[1]})
    return pd.DataFrame(rows).sort_values(["method", "training_subjects"])


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "output", many=("structures",))
    args = parser.parse_args(argv)
    data = measure(args.structures, io.read_json(args.folds)["folds"], args.options)
    options = args.options["plot"]
    with style.figure(options, args.output, data, figsize=(4.6, 3.2)) as (_, axes):
        axis = axes[0][0]
        compared = args.options["compared"]
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
