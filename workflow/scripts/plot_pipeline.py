"""Draw the road of the data with what each stage really made: one subject, one sample, one registered pair (Fig. 1)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.report.registered import read_pair, warped
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids

# a tile's middle: (column, row)
PLACES = {
    "as scanned": (0, 0),
    "normalized": (1, 0),
    "resampled": (2, 0),
    "classic augmentation": (3, -1),
    "RDNN's map": (2, -2),
    "PGAN's sample": (3, -2),
    "test pair": (4, 0),
    "registered": (4, -1.5),
}
ARROWS = [
    ("as scanned", "normalized"),
    ("normalized", "resampled"),
    ("resampled", "classic augmentation"),
    ("resampled", "RDNN's map"),
    ("RDNN's map", "PGAN's sample"),
    ("resampled", "test pair"),
    ("test pair", "registered"),
    ("classic augmentation", "registered"),
    ("PGAN's sample", "registered"),
]
# of a picture, in columns and rows
WIDE, TALL = 0.37, 0.58


class Options(Block):
    """How it is drawn, the subject, the method that registers the pair, and the modalities."""

    plot: Plot
    subject: str
    method: str
    fixed: str
    moving: str


class Tile(NamedTuple):
    """What a stage made."""

    of: str
    pictures: list[np.ndarray]
    """Volumes (X, Y, Z), of which a slice is shown."""
    outlined: list[np.ndarray]
    """Label maps that are outlined on the last picture, on its grid."""


def tiles(args: object, options: Options) -> dict[str, Tile]:
    """What each stage made, by its name."""
    subject, both, paths = options.subject, [options.fixed, options.moving], vars(args)
    sample = bids.subjects_in(paths["samples"])[0]
    pair = read_pair(paths["folds"], paths["subjects"], options.moving, options.fixed)
    found = warped(pair, paths["transforms"], options.method)
    copy = min(paths["augmented"].glob(f"*_{options.fixed}.nii.gz")).name.removesuffix(f"_{options.fixed}.nii.gz")
    box = slices.brain_box(slices.volume(paths["subjects"], subject, bids.DSEG))
    around = slices.brain_box(pair.fixed.labels)

    def read(path: Path, where: tuple[slice, ...] = ()) -> np.ndarray:
        return slices.voxels(io.load(path))[where]

    def preprocessed(folder: Path, of: str) -> list[np.ndarray]:
        return [read(bids.path(folder, of, bids.preprocessed(modality)), box) for modality in both]

    whole = [read(bids.inside(paths["normalized"], subject, bids.normalized(modality))) for modality in both]
    named, parts = bids.participant(subject), (f"{copy}_{modality}.nii.gz" for modality in both)
    return {
        "as scanned": Tile(named, [read(path) for path in paths["raw"]], []),
        "normalized": Tile(named, whole, []),
        "resampled": Tile(named, preprocessed(paths["subjects"], subject), []),
        "classic augmentation": Tile(named, [read(paths["augmented"] / part, box) for part in parts], []),
        "RDNN's map": Tile(named, [read(bids.path(paths["maps"], subject, bids.MAP), box)], []),
        "PGAN's sample": Tile(bids.participant(sample), preprocessed(paths["samples"], sample), []),
        "test pair": Tile(pair.name, [pair.fixed.image[around], pair.moving.image[around]], []),
        "registered": Tile(
            style.name_of(options.method),
            [pair.fixed.image[around], found.image[around]],
            [pair.fixed.labels[around], found.labels[around]],
        ),
    }


def draw(axis: Axes, made: dict[str, Tile], settings: Plot) -> None:
    """A tile for each stage, and arrows along the road."""
    first, second = style.colors(settings, 2)
    axis.set(xlim=(-0.5, 4.5), ylim=(-2.45, 0.55))
    axis.set_axis_off()
    for name, tile in made.items():
        x, y = PLACES[name]
        axis.text(x, y + TALL / 2 + 0.02, name, ha="center", va="bottom", weight="bold")
        axis.text(x, y - TALL / 2 - 0.02, tile.of, ha="center", va="top", fontsize=settings.font_size - 2)
        for number, volume in enumerate(tile.pictures):
            left = x + (number - len(tile.pictures) / 2) * (WIDE + 0.01)
            inset = axis.inset_axes((left, y - TALL / 2, WIDE, TALL), transform=axis.transData)
            show = slices.show_labels if len(tile.pictures) == 1 else slices.show
            show(inset, volume, settings.slice)
        for labels, color in zip(tile.outlined, (first, second), strict=False):
            slices.contours(inset, labels, settings.slice, color)
    for start, end in ARROWS:
        (from_x, from_y), (x, y) = PLACES[start], PLACES[end]
        trains = end == "registered" and start != "test pair"
        side = 0.39 if x > from_x else 0
        begin = (from_x + side, from_y - (0 if side else TALL / 2 + 0.13))
        finish = (x - side, y + (0 if side else TALL / 2 + 0.13))
        arrow = {"arrowstyle": "-|>", "color": second if trains else "#888888", "linewidth": 1.2}
        axis.annotate("", finish, begin, arrowprops={**arrow, "shrinkA": 0, "shrinkB": 0})
    axis.text(3.47, -1.5, "train", color=second, ha="center", va="center")


def main(argv: Sequence[str] | None = None) -> None:
    single = ("subjects", "normalized", "augmented", "maps", "samples", "folds", "output")
    parser = cli.add_paths(cli.parser(__doc__, Options), *single, many=("raw", "transforms"))
    args = parser.parse_args(argv)
    made = tiles(args, args.options)
    data = pd.DataFrame(
        {"stage": name, "of": tile.of, "picture": number, "shape": "x".join(map(str, volume.shape))}
        | {"mean": float(np.mean(slices.axial(volume, args.options.plot.slice)))}
        for name, tile in made.items()
        for number, volume in enumerate(tile.pictures, start=1)
    )
    with style.figure(args.options.plot, args.output, data, figsize=(11.5, 6)) as (_, axes):
        draw(axes[0][0], made, args.options.plot)


if __name__ == "__main__":
    cli.run(main)
