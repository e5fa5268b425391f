"""Draw the segmentation's Dice of each structure over test subjects, with and without recurrence (Fig. 20)."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli
from ganreg.evaluate.settings import Design
from ganreg.evaluate.statistics import estimate
from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.settings import Block, Count

MODELS = {"rdnn": "RDNN", "rdnn_norecurrence": "without recurrence"}


class Options(Block):
    """How it is drawn, and the number of folds."""

    plot: Style
    folds: Count


def label_of(model: str, subjects: pd.Series, folds: int) -> str:
    """A model's name, its mean over subjects and what it adds to the recurrent network, for the legend."""
    label = f"{MODELS[model]}: mean {subjects[model].mean():.3f}"
    if model == "rdnn":
        return label
    overlap = Design(folds=folds, trained=[*MODELS]).overlap(model)
    added, low, high, _ = estimate((subjects[model] - subjects["rdnn"]).to_frame(), overlap)
    return f"{label}, {added:+.3f} ({low:+.3f} to {high:+.3f})"


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "measured", "output").parse_args(argv)
    settings = args.options.plot
    measured = pd.read_csv(args.measured, dtype={"subject": str})
    data = measured[measured["role"] == "test"]
    models = [model for model in MODELS if model in set(data["model"])]
    means = data[data["model"] == "rdnn"].groupby("structure")["dice"].mean()
    subjects = data.groupby(["model", "fold", "subject"])["dice"].mean()
    rows = {structure: row for row, structure in enumerate(means.sort_values().index)}
    size = {"figsize": (6.5, 0.2 * len(rows) + 1.2)}
    with style.figure(settings, args.output, data, **size) as (drawn, axes):
        axis = axes[0][0]
        for place, (model, color) in enumerate(zip(models, style.colors(settings, len(models)), strict=True)):
            own = data[data["model"] == model]
            shift = 0.3 * (place - (len(models) - 1) / 2)
            height = own["structure"].map(rows) - shift
            axis.scatter(own["dice"], height, s=7, color=color, alpha=0.4, linewidths=0)
            mean = own.groupby("structure")["dice"].mean()
            bar = {"marker": "|", "s": 60, "color": color, "linewidths": 2}
            axis.scatter(mean, mean.index.map(rows) - shift, label=label_of(model, subjects, args.options.folds), **bar)
        axis.set_yticks(range(len(rows)), list(rows))
        axis.set_ylim(-0.7, len(rows) - 0.3)
        axis.set_xlabel("Dice on the working grid: mean (bar) and test subjects (points)")
        drawn.legend(loc="outside upper center", frameon=False)
        axis.grid(axis="x", alpha=0.3)


if __name__ == "__main__":
    cli.run(main)
