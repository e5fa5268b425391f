"""Draw a thumbnail of every preprocessed subject with its brain's outline and overlap with the template's (Fig. 16)."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from ganreg import cli
from ganreg.report import sheet, slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids

# thumbnails in a row and their width (inches)
COLUMNS, WIDTH = 10, 1.0
OUTLIER = "#D55E00"


class Options(Block):
    """How it is drawn, and the image that is shown."""

    plot: Plot
    modality: str


def draw(axis: Axes, contact: sheet.Sheet, measured: pd.DataFrame, settings: Plot) -> None:
    """The sheet of all subjects, their outlines, and below each its name and overlap; outliers stand out."""
    for (x, y), row in zip(contact.labels, measured.to_dict("records"), strict=True):
        color, weight = (OUTLIER, "bold") if row["outlier"] else ("black", "normal")
        text = f"{row['subject']}\n{row['template_overlap']:.3f}"
        place = {"ha": "center", "va": "top", "linespacing": 0.95}
        font = {"fontsize": settings.font_size - 3, "color": color, "weight": weight}
        axis.text(x, y, text, **place, **font)
    axis.imshow(contact.picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.contour(contact.outline, levels=[0.5], colors=["#56B4E9"], linewidths=0.5)
    axis.set_axis_off()
    title = f"{int(measured['outlier'].sum())} of {len(measured)} subjects below {measured['limit'].iloc[0]:.3f}"
    axis.set_title(title, fontsize=settings.font_size)


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "measured", "subjects", "output")
    args = parser.parse_args(argv)
    settings = args.options.plot
    measured = pd.read_csv(args.measured, dtype={"subject": str})
    measured = measured.sort_values("template_overlap", ignore_index=True)
    names = (bids.preprocessed(args.options.modality), bids.MASK)
    images, masks = (
        [slices.thumbnail(slices.volume(args.subjects, each, name), settings.slice) for each in measured["subject"]]
        for name in names
    )
    columns = min(COLUMNS, len(measured))
    contact = sheet.contact_sheet(images, masks, columns, math.ceil(len(measured) / columns))
    width = WIDTH * columns
    # a title's line above, and the last row's text below
    size = {"figsize": (width, width * contact.outline.shape[0] / contact.outline.shape[1] + 0.4)}
    with style.figure(settings, args.output, measured, **size) as (_, axes):
        draw(axes[0][0], contact, measured, settings)


if __name__ == "__main__":
    cli.run(main)
