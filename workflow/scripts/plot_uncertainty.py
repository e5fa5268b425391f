"""Draw one test pair's uncertainty, and how it compares with the true error of all pairs (Fig. 14)."""

import numpy as np
import pandas as pd
import torch

from ganreg import cli, io
from ganreg.evaluate import uncertainty_table
from ganreg.register.sampled import file_of
from ganreg.report import slices, style
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on


def draw_reliability(axis, curve, options):
    """Predicted against true size of the error, from a reliability table, with the diagonal."""
    color = style.colors(options, 1)[0]
    most = 1.1 * curve["sd_mm"].max(), 1.1 * curve["rmse_mm"].max()
    axis.plot([0, max(most)], [0, max(most)], color="gray", linestyle="--", linewidth=1, label="calibrated")
    axis.plot(
        curve["sd_mm"],
        curve["rmse_mm"],
        marker="o",
        markersize=4,
        color=color,
        label=f"{100 // len(curve)} % of the voxels each",
    )
    axis.set_xlim(0, most[0])
    axis.set_ylim(0, most[1])
    axis.set_xlabel("SD of the transform (mm)")
    axis.set_ylabel("true error, root mean square (mm)")
    axis.set_title(f"all test pairs:\ncalibration error {uncertainty_table.calibration_error(curve):.2f} mm")
    axis.legend(frameon=False)


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "folds", "subjects", "transforms", "sampled", "pairs", "reliability", "output"
    )
    args = parser.parse_args(argv)
    options = args.options["plot"]
    pair = io.read_json(args.folds)["folds"][0]["pairs"][0]

    def volume(role, name):
        return io.load(args.subjects / f"sub-{pair[role]}" / "anat" / f"sub-{pair[role]}_{name}.nii.gz")

    images = [volume(role, f"desc-preproc_{args.options[role]}") for role in ("fixed", "moving")]
    fixed, moving = (np.asarray(image.dataobj, dtype=np.float32) for image in images)
    mask = np.asarray(volume("fixed", "desc-brain_mask").dataobj) > 0
    displacement = displacement_on(args.transforms / f"{pair['pair']}.nii.gz", fixed.shape, images[0].affine)
    warped = warp.warp(torch.from_numpy(moving)[None, None], displacement)[0, 0].numpy()
    maps = {
        name: np.asarray(io.load(file_of(args.sampled, pair["pair"], name)).dataobj, dtype=np.float32)
        for name in ("variance", "appearance_variance", "residual")
    }
    maps["variance"] = np.sqrt(maps["variance"])
    titles = ["SD of the transform\n(Eq. 8, mm)", "variance of the\nwarped image", "residual\n(Eq. 9 as written)"]

    curve, box, height = pd.read_csv(args.reliability), slices.brain_box(mask), options["slice"]
    # the line of the pair that is shown, where there is no curve
    data = pd.read_csv(args.pairs)
    data = data[data["pair"] == pair["pair"]] if curve.empty else curve
    size = {"nrows": 2, "ncols": 3, "figsize": (7.2, 5.4)}
    if not curve.empty:
        size |= {"ncols": 4, "figsize": (11, 5.4), "gridspec_kw": {"width_ratios": [1, 1, 1, 1.5]}}
    with style.figure(options, args.output, data, **size) as (drawn, axes):
        slices.show(axes[0][0], fixed[box], height, f"fixed: sub-{pair['fixed']}\n{args.options['fixed']}")
        # one scale: at its edge the warped brain fades into the background
        limits = tuple(np.percentile(moving[moving != 0], [1, 99]))
        slices.show(axes[0][1], moving[box], height, f"moving: sub-{pair['moving']}\n{args.options['moving']}", limits)
        slices.show(axes[0][2], warped[box], height, "moving, warped\n", limits)
        for axis, values, title in zip(axes[1][:3], maps.values(), titles, strict=True):
            slices.show_map(drawn, axis, np.where(mask, values, np.nan)[box], height, title)
        if not curve.empty:
            grid = axes[0][3].get_gridspec()
            for row in (0, 1):
                axes[row][3].remove()
            draw_reliability(drawn.add_subplot(grid[:, 3]), curve, options)


if __name__ == "__main__":
    cli.run(main)
