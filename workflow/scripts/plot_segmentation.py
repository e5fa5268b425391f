"""Draw one test subject: images, reference labels, the network's map, and where they differ (Fig. 5)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids


class Options(Block):
    """How it is drawn, and the images that are shown."""

    plot: Plot
    modalities: list[str]


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "maps", "measured", "output")
    args = parser.parse_args(argv)
    settings, height = args.options.plot, args.options.plot.slice
    subject = io.read_json(args.folds)["folds"][0]["test"][0]
    reference = slices.volume(args.subjects, subject, bids.DSEG)
    box = slices.brain_box(reference)
    images = {
        name: slices.volume(args.subjects, subject, bids.preprocessed(name))[box] for name in args.options.modalities
    }
    reference, found = reference[box], slices.volume(args.maps, subject, bids.MAP)[box]
    measured = pd.read_csv(args.measured, dtype={"subject": str})
    own = (measured["fold"] == 1) & (measured["subject"] == subject) & (measured["model"] == "rdnn")
    data = measured[own]
    columns = len(images) + 3
    with style.figure(settings, args.output, data, ncols=columns, figsize=(2.2 * columns, 2.9)) as (_, axes):
        axes = axes[0]
        for axis, (name, image) in zip(axes, images.items(), strict=False):
            slices.show(axis, image, height, f"{bids.participant(subject)} {name}")
        slices.show_labels(axes[-3], reference, height, "reference")
        slices.show_labels(axes[-2], found, height, f"RDNN, Dice {data['dice'].mean():.3f}")
        slices.show(axes[-1], next(iter(images.values())), height, "difference")
        wrong = slices.axial(np.where(reference != found, 1.0, np.nan), height)
        axes[-1].imshow(wrong, cmap=ListedColormap([style.colors(settings, 2)[1]]), interpolation="nearest", alpha=0.8)


if __name__ == "__main__":
    cli.run(main)
