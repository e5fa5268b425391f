"""Draw samples of the progressive GAN, their label maps and the real training subject nearest to each (Fig. 8)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import quality
from ganreg.evaluate.cohort import Cohort, Subject
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.split import folds
from ganreg.volumes import bids
from ganreg.volumes.subjects import Subjects

SHOWN = 4


class Options(Block):
    """How it is drawn, the images that are shown, and the fold."""

    plot: Plot
    modalities: list[str]
    fold: int


def draw(
    axes: np.ndarray,
    sample: Subject,
    nearest: Subject,
    titles: tuple[str, str],
    modalities: Sequence[str],
    height: float,
) -> None:
    """A column: a sample's label map and images, and those of the real subject nearest to it."""
    box = slices.brain_box((sample["labels"] > 0) | (nearest["labels"] > 0))
    slices.show_labels(axes[0], sample["labels"][box], height, f"{titles[0]}\nlabel map")
    for row, modality in enumerate(modalities):
        slices.show(axes[1 + row], sample["images"][row][box], height, modality)
        below = axes[1 + row + len(modalities)]
        slices.show(below, nearest["images"][row][box], height, f"{titles[1]}\n{modality}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "samples", "output")
    args = parser.parse_args(argv)
    settings, modalities = args.options.plot, args.options.modalities
    train = folds.select(io.read_json(args.folds), str(args.options.fold))["train"]
    names = bids.subjects_in(args.samples)[:SHOWN]
    synthetic, real = Subjects(args.samples, modalities), Subjects(args.subjects, modalities)
    samples, training = Cohort(synthetic, names), Cohort(real, train)
    likeness = quality.correlations(samples, training)
    nearest = likeness.argmax(axis=0)
    data = {"sample": names, "nearest": [train[place] for place in nearest]}
    data["normalised_correlation"] = likeness.max(axis=0)
    size = {"nrows": 2 * len(modalities) + 1, "ncols": len(names)}
    size["figsize"] = (1.9 * size["ncols"], 2.4 * size["nrows"])
    with style.figure(settings, args.output, pd.DataFrame(data), **size) as (_, axes):
        for column, (name, place) in enumerate(zip(names, nearest, strict=True)):
            found = f"nearest: {bids.participant(train[place])}, {likeness[place, column]:.2f}"
            titles = bids.participant(name), found
            draw(axes[:, column], samples[column], training[place], titles, modalities, settings.slice)


if __name__ == "__main__":
    cli.run(main)
