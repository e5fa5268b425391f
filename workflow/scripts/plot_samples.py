"""Draw samples of the progressive GAN, the real training subject nearest to each, and several of one map (Fig. 8)."""

from collections.abc import Sequence
from pathlib import Path

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

SHOWN = 5


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


def draw_vectors(axes: np.ndarray, folder: Path, modalities: Sequence[str], height: float) -> None:
    """A column for each sample of the first map, in one window of gray values a modality."""
    # 01z1, 01z2 and so on are samples of subject 01's map from different latent vectors
    names = bids.subjects_in(folder)
    own = [name for name in names if name.rpartition("z")[0] == names[0].rpartition("z")[0]][: axes.shape[1]]
    samples = Cohort(Subjects(folder, modalities), own)
    box = slices.brain_box(samples[0]["labels"])
    for row, modality in enumerate(modalities):
        limits = slices.window(samples[0]["images"][row][box], height)
        for column, name in enumerate(own):
            subject, _, number = name.rpartition("z")
            title = f"map of {bids.participant(subject)}, z {number}\n{modality}"
            slices.show(axes[row][column], samples[column]["images"][row][box], height, title, limits)


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "samples", "output")
    parser.add_argument("--vectors", type=Path, help="samples of single maps from several latent vectors")
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
    above, below = 2 * len(modalities) + 1, len(modalities) if args.vectors else 0
    size = {"nrows": above + below, "ncols": len(names)}
    size["figsize"] = (1.9 * size["ncols"], 2.4 * size["nrows"])
    with style.figure(settings, args.output, pd.DataFrame(data), **size) as (_, axes):
        for column, (name, place) in enumerate(zip(names, nearest, strict=True)):
            found = f"nearest: {bids.participant(train[place])}, {likeness[place, column]:.2f}"
            titles = bids.participant(name), found
            draw(axes[:above, column], samples[column], training[place], titles, modalities, settings.slice)
        for axis in axes[above:].flat:
            axis.set_axis_off()
        if args.vectors:
            draw_vectors(axes[above:], args.vectors, modalities, settings.slice)


if __name__ == "__main__":
    cli.run(main)
