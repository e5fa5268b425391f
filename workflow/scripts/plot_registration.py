"""Draw one test pair: fixed, moving, and each method's warped image with label contours and checkerboard (Fig. 10)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganreg import cli
from ganreg.report import slices, style
from ganreg.report.registered import Labeled, Pair, read_pair, warped
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids


class Options(Block):
    """How it is drawn, the methods that are shown, and the modalities."""

    plot: Plot
    methods: list[str]
    fixed: str
    moving: str


def draw(axes: np.ndarray, pair: Pair, found: Sequence[Labeled], titles: Sequence[str], settings: Plot) -> None:
    """A column for each image: its labels outlined over the fixed image's, and a checkerboard below.

    The moving image looks the same before and after: one window of gray values for all columns but the first.
    """
    height, (fixed_color, own_color) = settings.slice, style.colors(settings, 2)
    # registered on the whole grid, shown around the brain
    box = slices.brain_box(pair.fixed.labels)
    fixed, moving = pair.fixed.image[box], pair.moving.image[box]
    windows = [slices.window(image, height) for image in (fixed, moving)]
    for column, each in enumerate([pair.fixed, pair.moving, *found]):
        image, labels, limits = each.image[box], each.labels[box], windows[min(column, 1)]
        slices.show(axes[0][column], image, height, titles[column], limits)
        if column != 1:
            slices.contours(axes[0][column], pair.fixed.labels[box], height, fixed_color)
        if column != 0:
            slices.contours(axes[0][column], labels, height, own_color)
            title = "before: checkerboard" if column == 1 else "checkerboard"
            slices.show(axes[1][column], slices.checkerboard(fixed, image), height, title)
    axes[1][0].set_axis_off()


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "subjects", "measured", "output", many=("transforms",)
    )
    args = parser.parse_args(argv)
    options = args.options
    pair = read_pair(args.folds, args.subjects, options.moving, options.fixed)
    found = [warped(pair, args.transforms, method) for method in options.methods]
    measured = pd.read_csv(args.measured)
    if "seed" in measured:
        # whose transforms are drawn
        measured = measured[measured["seed"] == 1]
    own = measured[(measured["pair"] == pair.name) & measured["method"].isin(options.methods)]
    dice = own.groupby("method", sort=False)["dice"].mean()
    means = [dice[method] for method in options.methods]
    data = pd.DataFrame({"pair": pair.name, "method": options.methods, "dice_mean": means})
    titles = [
        f"fixed: {bids.participant(pair.fixed_subject)} {options.fixed}",
        f"moving: {bids.participant(pair.moving_subject)} {options.moving}",
        *(f"{style.name_of(method)}\nDice {dice[method]:.3f}" for method in options.methods),
    ]
    size = {"nrows": 2, "ncols": len(titles), "figsize": (2.2 * len(titles), 5.2)}
    with style.figure(options.plot, args.output, data, **size) as (_, axes):
        draw(axes, pair, found, titles, options.plot)


if __name__ == "__main__":
    cli.run(main)
