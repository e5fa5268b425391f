"""Draw one test pair: fixed, moving, and each method's warped image with label contours and checkerboard (Fig. 10)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on
from ganreg.volumes import bids

# an image and its label map, (X, Y, Z)
Labeled = tuple[np.ndarray, np.ndarray]


class Options(Block):
    """How it is drawn, the methods that are shown, and the modalities."""

    plot: Plot
    methods: list[str]
    fixed: str
    moving: str


def find_transform(folders: Iterable[Path], pair: str) -> Path:
    """The pair's transform file in one of the folders."""
    return next(path for folder in folders for path in folder.glob(f"{pair}.nii.gz"))


def draw(
    axes: np.ndarray, fixed: Labeled, moving: Labeled, warped: Sequence[Labeled], titles: Sequence[str], settings: Plot
) -> None:
    """A column for each image: its labels outlined over the fixed image's, and a checkerboard below."""
    height, (fixed_color, own_color) = settings.slice, style.colors(settings, 2)
    for column, (image, labels) in enumerate([fixed, moving, *warped]):
        slices.show(axes[0][column], image, height, titles[column])
        if column != 1:
            slices.contours(axes[0][column], fixed[1], height, fixed_color)
        if column != 0:
            slices.contours(axes[0][column], labels, height, own_color)
            title = "before: checkerboard" if column == 1 else "checkerboard"
            slices.show(axes[1][column], slices.checkerboard(fixed[0], image), height, title)
    axes[1][0].set_axis_off()


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "subjects", "measured", "output", many=("transforms",)
    )
    args = parser.parse_args(argv)
    options = args.options
    pair = io.read_json(args.folds)["folds"][0]["pairs"][0]
    images, labels = {}, {}
    for role in ("fixed", "moving"):
        name = bids.preprocessed(getattr(options, role))
        images[role] = slices.volume(args.subjects, pair[role], name).astype(np.float32)
        labels[role] = slices.volume(args.subjects, pair[role], bids.DSEG)
    affine = io.load(bids.path(args.subjects, pair["fixed"], bids.preprocessed(options.fixed))).affine
    moving = torch.from_numpy(images["moving"])[None, None]
    # registered on the whole grid, shown around the brain
    box, warped = slices.brain_box(labels["fixed"]), []
    for method in options.methods:
        path = find_transform([each for each in args.transforms if method in each.parts], pair["pair"])
        displacement = displacement_on(path, images["fixed"].shape, affine)
        moved = warp.warp_labels(torch.from_numpy(np.array(labels["moving"])), displacement).numpy()
        warped.append((warp.warp(moving, displacement)[0, 0].numpy()[box], moved[box]))

    measured = pd.read_csv(args.measured)
    if "seed" in measured:
        # whose transforms are drawn
        measured = measured[measured["seed"] == 1]
    own = measured[(measured["pair"] == pair["pair"]) & measured["method"].isin(options.methods)]
    dice = own.groupby("method", sort=False)["dice"].mean()
    means = [dice[method] for method in options.methods]
    data = pd.DataFrame({"pair": pair["pair"], "method": options.methods, "dice_mean": means})
    titles = [f"{role}: {bids.participant(pair[role])} {getattr(options, role)}" for role in ("fixed", "moving")]
    titles += [f"{style.name_of(method)}\nDice {dice[method]:.3f}" for method in options.methods]
    shown = [(images[role][box], labels[role][box]) for role in ("fixed", "moving")]
    columns = len(titles)
    size = {"nrows": 2, "ncols": columns, "figsize": (2.2 * columns, 5.2)}
    with style.figure(options.plot, args.output, data, **size) as (_, axes):
        draw(axes, *shown, warped, titles, options.plot)


if __name__ == "__main__":
    cli.run(main)
