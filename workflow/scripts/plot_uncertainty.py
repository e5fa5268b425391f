"""Draw one test pair's uncertainty, and how it compares with the true error of all pairs (Fig. 14)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganreg import cli, io
from ganreg.evaluate import uncertainty_table
from ganreg.register.sampled import file_of
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on
from ganreg.volumes import bids

# map -> its title
MAPS = {
    "variance": "SD of the transform\n(Eq. 8, mm)",
    "appearance_variance": "variance of the\nwarped image",
    "residual": "residual\n(Eq. 9 as written)",
}


class Options(Block):
    """How it is drawn, and the modalities."""

    plot: Plot
    fixed: str
    moving: str


def draw_reliability(axis: Axes, curve: pd.DataFrame, settings: Plot) -> None:
    """Predicted against true size of the error, from a reliability table, with the diagonal."""
    most = 1.1 * curve["sd_mm"].max(), 1.1 * curve["rmse_mm"].max()
    axis.plot([0, max(most)], [0, max(most)], color="gray", linestyle="--", linewidth=1, label="calibrated")
    look = {"marker": "o", "markersize": 4, "color": style.colors(settings, 1)[0]}
    axis.plot(curve["sd_mm"], curve["rmse_mm"], label=f"{100 // len(curve)} % of the voxels each", **look)
    axis.set_xlim(0, most[0])
    axis.set_ylim(0, most[1])
    axis.set_xlabel("SD of the transform (mm)")
    axis.set_ylabel("true error, root mean square (mm)")
    axis.set_title(f"all test pairs:\ncalibration error {uncertainty_table.calibration_error(curve):.2f} mm")
    axis.legend(frameon=False)


def read_maps(folder: Path, pair: str) -> dict[str, np.ndarray]:
    """The maps of a pair; the variance as a standard deviation."""
    maps = {name: slices.voxels(io.load(file_of(folder, pair, name))).astype(np.float32) for name in MAPS}
    return {**maps, "variance": np.sqrt(maps["variance"])}


def draw_pair(
    drawn: Figure,
    axes: np.ndarray,
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    limits: slices.Limits,
    maps: Mapping[str, np.ndarray],
    settings: Plot,
) -> None:
    """Above the images fixed, moving and warped, below the maps."""
    # one scale: at its edge the warped brain fades into the background
    for axis, image, title, own in zip(axes[0], images, titles, (None, limits, limits), strict=False):
        slices.show(axis, image, settings.slice, title, own)
    for axis, name in zip(axes[1], MAPS, strict=False):
        slices.show_map(drawn, axis, maps[name], settings.slice, MAPS[name])


def main(argv: Sequence[str] | None = None) -> None:
    paths = ("folds", "subjects", "transforms", "sampled", "pairs", "reliability", "output")
    args = cli.add_paths(cli.parser(__doc__, Options), *paths).parse_args(argv)
    options, settings = args.options, args.options.plot
    pair = io.read_json(args.folds)["folds"][0]["pairs"][0]
    names = {role: bids.preprocessed(getattr(options, role)) for role in ("fixed", "moving")}
    fixed, moving = (slices.volume(args.subjects, pair[role], names[role]).astype(np.float32) for role in names)
    affine = io.load(bids.path(args.subjects, pair["fixed"], names["fixed"])).affine
    mask = slices.volume(args.subjects, pair["fixed"], bids.MASK) > 0
    displacement = displacement_on(args.transforms / f"{pair['pair']}.nii.gz", fixed.shape, affine)
    warped = warp.warp(torch.from_numpy(moving)[None, None], displacement)[0, 0].numpy()

    curve, box = pd.read_csv(args.reliability), slices.brain_box(mask)
    maps = {name: np.where(mask, each, np.nan)[box] for name, each in read_maps(args.sampled, pair["pair"]).items()}
    limits = tuple(np.percentile(moving[moving != 0], [1, 99]))
    titles = [f"{role}: {bids.participant(pair[role])}\n{getattr(options, role)}" for role in names]
    # the line of the pair that is shown, where there is no curve
    data = pd.read_csv(args.pairs)
    data = data[data["pair"] == pair["pair"]] if curve.empty else curve
    size = {"nrows": 2, "ncols": 3, "figsize": (7.2, 5.4)}
    if not curve.empty:
        size |= {"ncols": 4, "figsize": (11, 5.4), "gridspec_kw": {"width_ratios": [1, 1, 1, 1.5]}}
    with style.figure(settings, args.output, data, **size) as (drawn, axes):
        images = [image[box] for image in (fixed, moving, warped)]
        draw_pair(drawn, axes, images, [*titles, "moving, warped\n"], limits, maps, settings)
        if not curve.empty:
            grid = axes[0][3].get_gridspec()
            for row in (0, 1):
                axes[row][3].remove()
            draw_reliability(drawn.add_subplot(grid[:, 3]), curve, settings)


if __name__ == "__main__":
    cli.run(main)
