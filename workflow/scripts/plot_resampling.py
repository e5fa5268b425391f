"""Draw images before and after the B-spline resampling, and their gray values along a line (Fig. 3)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import ndimage

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids

# of the line on the image's own grid
STEP_MM = 0.5


class Options(Block):
    """How it is drawn, the subject, and its modalities with the one that is aligned to the template."""

    plot: Plot
    subject: str
    reference: str
    modalities: list[str]


class Line(NamedTuple):
    """A line from left to right through the middle of the brain."""

    millimeters: np.ndarray
    """Places (N,) along it, 0 at the first voxel of the grid."""
    voxels: np.ndarray
    """Coordinates (N, 3) in the image."""


def lines(
    mask: np.ndarray, affine: np.ndarray, image_affine: np.ndarray, to_image: np.ndarray, height: float
) -> tuple[Line, Line]:
    """The line on the working grid, a point a voxel, and the same line in the image as it came, in finer steps.

    Parameters
    ----------
    mask : array (X, Y, Z) on the working grid, not 0 in the brain
    affine, image_affine : arrays (4, 4), of the working grid and of the image
    to_image : array (4, 4), from points of the template's space to the image's, RAS mm
    height : float, of the axial slice in which the line lies, as a fraction of the grid
    """
    z = round(height * (mask.shape[2] - 1))
    y = round(float(np.argwhere(mask[:, :, z])[:, 1].mean()))
    spacing = float(np.linalg.norm(affine[:3, 0]))
    found = []
    for x in (np.arange(mask.shape[0], dtype=float), np.arange(0, mask.shape[0] - 1, STEP_MM / spacing)):
        points = np.column_stack([x, np.full_like(x, y), np.full_like(x, z), np.ones_like(x)])
        found.append((spacing * x, points))
    matrix = np.linalg.inv(image_affine) @ to_image @ affine
    (coarse, points), (fine, dense) = found
    return Line(coarse, points[:, :3]), Line(fine, (dense @ matrix.T)[:, :3])


def show(axis: Axes, image: np.ndarray, line: Line, title: str, color: str) -> None:
    """The axial slice in which the line's middle lies, and the line."""
    place = line.voxels[len(line.voxels) // 2, 2]
    slices.show(axis, image, float(np.clip(place / (image.shape[2] - 1), 0, 1)), title)
    # as `slices.axial` turns it
    across, down = (image.shape[k] - 1 - line.voxels[:, k] for k in (0, 1))
    seen = (across >= 0) & (across <= image.shape[0] - 1)
    axis.plot(across[seen], down[seen], color=color, linewidth=1)


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "subjects", "normalized", "aligned", "output")
    args = parser.parse_args(argv)
    options, settings = args.options, args.options.plot
    subject, tables, drawings = options.subject, [], []

    def matrix(source: str, target: str) -> np.ndarray:
        return np.loadtxt(Path(bids.inside(args.aligned, subject, bids.linear(source, target))))

    mask = slices.volume(args.subjects, subject, bids.MASK)
    for modality in options.modalities:
        before = io.load(bids.inside(args.normalized, subject, bids.normalized(modality)))
        after = io.load(bids.path(args.subjects, subject, bids.preprocessed(modality)))
        to_image = matrix("template", options.reference)
        if modality != options.reference:
            to_image = matrix(options.reference, modality) @ to_image
        new, old = lines(mask, after.affine, before.affine, to_image, settings.slice)
        volumes = {"before": slices.voxels(before), "after": slices.voxels(after)}
        for (when, volume), line in zip(volumes.items(), (old, new), strict=True):
            values = ndimage.map_coordinates(volume.astype(np.float32), line.voxels.T, order=1)
            named = {"subject": subject, "modality": modality, "image": when}
            tables.append(pd.DataFrame({**named, "mm": line.millimeters, "value": values}))
            spacing = "x".join(f"{side:.3g}" for side in (before if when == "before" else after).header.get_zooms()[:3])
            drawings.append((volume, line, f"{modality}, {when}\n{spacing} mm"))
    data, colors = pd.concat(tables), style.colors(settings, 2)
    size = {"nrows": len(options.modalities), "ncols": 3, "figsize": (10, 3 * len(options.modalities))}
    size["gridspec_kw"] = {"width_ratios": [1, 1, 1.8]}
    with style.figure(settings, args.output, data, **size) as (_, axes):
        for row, modality in enumerate(options.modalities):
            for place, (when, color) in enumerate(zip(("before", "after"), colors, strict=True)):
                show(axes[row][place], *drawings[2 * row + place], color)
                own = data[(data["modality"] == modality) & (data["image"] == when)]
                marker = {"marker": "o", "markersize": 3} if when == "after" else {}
                axes[row][2].plot(own["mm"], own["value"], color=color, linewidth=1, label=when, **marker)
            axes[row][2].set(xlabel="mm from left to right", ylabel=f"{modality}, z-score + 4")
            axes[row][2].legend(frameon=False)


if __name__ == "__main__":
    cli.run(main)
