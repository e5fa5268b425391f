"""Draw two methods side by side: one test pair under each, and the Dice of all test subjects (Fig. 11)."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from ganreg import cli
from ganreg.evaluate.statistics import subject_means
from ganreg.report import slices, style
from ganreg.report.registered import read_pair, warped
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids


class Options(Block):
    """How it is drawn, the two methods, and the modalities."""

    plot: Plot
    methods: tuple[str, str]
    fixed: str
    moving: str


def scatter(axis: Axes, data: pd.DataFrame, methods: tuple[str, str], settings: Plot) -> None:
    """Each subject's Dice under both methods; above the diagonal the second one is better."""
    color = style.colors(settings, 3)[2]
    first, second = (data[method] for method in methods)
    axis.scatter(first, second, s=14, color=color, alpha=0.7, linewidths=0, label="a test subject")
    axis.plot(first.mean(), second.mean(), marker="P", color="black", markersize=8, linestyle="", label="mean")
    ends = min(first.min(), second.min()) - 0.005, max(first.max(), second.max()) + 0.005
    axis.plot(ends, ends, color="gray", linewidth=0.8, linestyle="--", label="equal")
    axis.set(xlim=ends, ylim=ends, aspect="equal")
    axis.set_xlabel(f"Dice, {style.name_of(methods[0])}")
    axis.set_ylabel(f"Dice, {style.name_of(methods[1])}")
    better = int((second > first).sum())
    axis.set_title(f"{better} of {len(data)} subjects\nabove the diagonal")
    axis.legend(frameon=False, loc="lower right", fontsize=settings.font_size - 2)


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "subjects", "measured", "output", many=("transforms",)
    )
    args = parser.parse_args(argv)
    options, settings = args.options, args.options.plot
    dice = subject_means(pd.read_csv(args.measured), "dice")
    data = pd.DataFrame({method: dice[method] for method in options.methods}).reset_index()
    pair = read_pair(args.folds, args.subjects, options.moving, options.fixed)
    box, height = slices.brain_box(pair.fixed.labels), settings.slice
    fixed_color, own_color = style.colors(settings, 2)
    limits = slices.window(pair.moving.image[box], height)
    titles = [f"moving: {bids.participant(pair.moving_subject)}", *map(style.name_of, options.methods)]
    with style.figure(settings, args.output, data, ncols=5, figsize=(13, 3.4)) as (_, axes):
        axes = axes[0]
        slices.show(axes[0], pair.fixed.image[box], height, f"fixed: {bids.participant(pair.fixed_subject)}")
        slices.contours(axes[0], pair.fixed.labels[box], height, fixed_color)
        found = [pair.moving, *(warped(pair, args.transforms, method) for method in options.methods)]
        for axis, each, title in zip(axes[1:4], found, titles, strict=True):
            slices.show(axis, each.image[box], height, title, limits)
            slices.contours(axis, pair.fixed.labels[box], height, fixed_color)
            slices.contours(axis, each.labels[box], height, own_color)
        scatter(axes[4], data, options.methods, settings)


if __name__ == "__main__":
    cli.run(main)
