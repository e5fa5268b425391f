"""Draw one test pair: fixed, moving, and each method's warped image with label contours and checkerboard (Fig. 10)."""

import numpy as np
import pandas as pd
import torch

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on


def find_transform(folders, pair):
    """The pair's transform file in one of the folders."""
    return next(path for folder in folders for path in folder.glob(f"{pair}.nii.gz"))


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "subjects", "measured", "output", many=("transforms",))
    args = parser.parse_args(argv)
    options, methods = args.options["plot"], args.options["methods"]
    pair = io.read_json(args.folds)["folds"][0]["pairs"][0]

    def volume(subject, name):
        return io.load(args.subjects / f"sub-{subject}" / "anat" / f"sub-{subject}_{name}.nii.gz")

    fixed = volume(pair["fixed"], f"desc-preproc_{args.options['fixed']}")
    moving = volume(pair["moving"], f"desc-preproc_{args.options['moving']}")
    fixed_labels, moving_labels = (volume(pair[role], "dseg") for role in ("fixed", "moving"))
    fixed_data, moving_data = (np.asarray(image.dataobj, dtype=np.float32) for image in (fixed, moving))
    labels = np.array(moving_labels.dataobj)

    warped = {}
    for method in methods:
        folders = [folder for folder in args.transforms if method in folder.parts]
        displacement = displacement_on(find_transform(folders, pair["pair"]), fixed.shape, fixed.affine)
        image = warp.warp(torch.from_numpy(moving_data)[None, None], displacement)[0, 0].numpy()
        warped[method] = image, warp.warp_labels(torch.from_numpy(labels), displacement).numpy()

    measured = pd.read_csv(args.measured)
    own = measured[(measured["pair"] == pair["pair"]) & measured["method"].isin(methods)]
    dice = own.groupby("method", sort=False)["dice"].mean()
    data = pd.DataFrame({"pair": pair["pair"], "method": methods, "dice_mean": [dice[method] for method in methods]})
    # registered on the whole grid, shown around the brain
    box = slices.brain_box(np.asarray(fixed_labels.dataobj))
    fixed_data, moving_data, labels = fixed_data[box], moving_data[box], labels[box]
    target = np.asarray(fixed_labels.dataobj)[box]
    warped = {method: (image[box], moved[box]) for method, (image, moved) in warped.items()}
    own_color, fixed_color = style.colors(options, 2)[1], style.colors(options, 1)[0]
    height, columns = options["slice"], 2 + len(methods)
    size = {"nrows": 2, "ncols": columns, "figsize": (2.2 * columns, 5.2)}
    with style.figure(options, args.output, data, **size) as (_, axes):
        slices.show(axes[0][0], fixed_data, height, f"fixed: sub-{pair['fixed']} {args.options['fixed']}")
        slices.contours(axes[0][0], target, height, fixed_color)
        slices.show(axes[0][1], moving_data, height, f"moving: sub-{pair['moving']} {args.options['moving']}")
        slices.contours(axes[0][1], labels, height, own_color)
        for row in (0, 1):
            axes[1][row].set_axis_off()
        for column, (method, (image, moved)) in enumerate(warped.items(), start=2):
            slices.show(axes[0][column], image, height, f"{style.name_of(method)}\nDice {dice[method]:.3f}")
            slices.contours(axes[0][column], target, height, fixed_color)
            slices.contours(axes[0][column], moved, height, own_color)
            slices.show(axes[1][column], slices.checkerboard(fixed_data, image), height, "checkerboard")
        slices.show(axes[1][1], slices.checkerboard(fixed_data, moving_data), height, "before: checkerboard")


if __name__ == "__main__":
    cli.run(main)
