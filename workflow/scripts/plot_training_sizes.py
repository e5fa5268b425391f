"""Draw Dice against the number of training subjects, with and without augmentation (Fig. 13)."""

from collections.abc import Sequence
from typing import Annotated, Any

import pandas as pd
from matplotlib.axes import Axes
from pydantic import Field

from ganreg import cli, io
from ganreg.evaluate import tables
from ganreg.evaluate.settings import Design
from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.settings import Block


class Options(Block):
    """How it is drawn, two methods, without and with augmentation, and what intervals must know."""

    plot: Style
    compared: Annotated[list[str], Field(min_length=2, max_length=2)]
    exclude: list[str]
    design: Design


def points(axis: Axes, own: pd.DataFrame, names: Sequence[str], place: pd.Series, **look: Any) -> None:
    """Draw a column and its interval, `names` of value, low and high, as points with bars at `place`."""
    value, low, high = (own[name] for name in names)
    axis.errorbar(place, value, [value - low, high - value], marker="o", capsize=3, **look)


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "output", many=("structures",))
    args = parser.parse_args(argv)
    settings, compared = args.options.plot, args.options.compared
    structures = tables.joined(args.structures)
    structures = structures[~structures["structure"].isin(args.options.exclude)]
    # folds may differ by one subject
    whole = min(len(fold["train"]) for fold in io.read_json(args.folds)["folds"])
    data = tables.by_training_size(structures, compared, whole, args.options.design)
    sizes = sorted(data["training_subjects"].unique())
    shift = 0.02 * (sizes[-1] - sizes[0])
    colors = style.colors(settings, len(compared))
    with style.figure(settings, args.output, data, figsize=(7.2, 3.2), ncols=2) as (_, axes):
        left, right = axes[0]
        for index, (method, color) in enumerate(zip(compared, colors, strict=True)):
            own = data[data["method"] == method]
            place = own["training_subjects"] + (index - 0.5) * shift
            points(left, own, ("dice_mean", "ci_low", "ci_high"), place, color=color, label=style.name_of(method))
        own = data[data["method"] == compared[1]]
        points(right, own, ("gain", "gain_low", "gain_high"), own["training_subjects"], color=colors[1])
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
