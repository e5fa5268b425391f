"""Draw a thumbnail of every preprocessed subject with its brain's outline and overlap with the template's (Fig. 16)."""

import math

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.report import slices, style

# thumbnails in a row and their width (inches); pixels between them
COLUMNS, WIDTH, GAP = 10, 1.0, 2
# finer slices are thinned out to about so many pixels
SIDE = 96
OUTLIER = "#D55E00"


def thumbnail(path, fraction):
    """An axial slice, at most about twice `SIDE` pixels wide."""
    picture = slices.axial(np.asarray(io.load(path).dataobj), fraction)
    step = max(1, min(picture.shape) // SIDE)
    return picture[::step, ::step].astype(np.float32)


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "measured", "subjects", "output")
    args = parser.parse_args(argv)
    options = args.options["plot"]
    measured = pd.read_csv(args.measured, dtype={"subject": str})
    measured = measured.sort_values("template_overlap", ignore_index=True)
    columns = min(COLUMNS, len(measured))
    rows = math.ceil(len(measured) / columns)
    stems = [str(args.subjects / f"sub-{each}" / "anat" / f"sub-{each}") for each in measured["subject"]]
    image, mask = f"_desc-preproc_{args.options['modality']}.nii.gz", "_desc-brain_mask.nii.gz"
    height, width = thumbnail(stems[0] + image, options["slice"]).shape
    label = math.ceil(0.3 * width)
    tall, wide = height + label, width + GAP
    # one picture of all: hundreds of axes would take minutes
    sheet, outline = np.zeros((2, rows * tall, columns * wide), dtype=np.float32)
    # a title's line above, and the last row's text below
    size = {"figsize": (WIDTH * columns, WIDTH * columns * sheet.shape[0] / sheet.shape[1] + 0.4)}
    with style.figure(options, args.output, measured, **size) as (_, axes):
        axis = axes[0][0]
        for (index, row), stem in zip(measured.iterrows(), stems, strict=True):
            y, x = index // columns * tall, index % columns * wide
            picture = thumbnail(stem + image, options["slice"])
            brightest = np.percentile(picture[picture > 0], 99) if (picture > 0).any() else 1
            sheet[y : y + height, x : x + width] = np.clip(picture / brightest, 0, 1)
            outline[y : y + height, x : x + width] = thumbnail(stem + mask, options["slice"]) > 0
            color, weight = (OUTLIER, "bold") if row["outlier"] else ("black", "normal")
            text = f"{row['subject']}\n{row['template_overlap']:.3f}"
            place = {"ha": "center", "va": "top", "linespacing": 0.95}
            font = {"fontsize": options["font_size"] - 3, "color": color, "weight": weight}
            axis.text(x + width / 2, y + height + 1, text, **place, **font)
        lettering = np.arange(sheet.shape[0]) % tall >= height
        picture = np.ma.array(sheet, mask=np.broadcast_to(lettering[:, None], sheet.shape))
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.contour(outline, levels=[0.5], colors=["#56B4E9"], linewidths=0.5)
        axis.set_axis_off()
        axis.set_title(
            f"{int(measured['outlier'].sum())} of {len(measured)} subjects below {measured['limit'].iloc[0]:.3f}",
            fontsize=options["font_size"],
        )


if __name__ == "__main__":
    cli.run(main)
