"""Draw images before and after normalization, and histograms of several subjects' brains (Fig. 2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids

BINS = 50


class Options(Block):
    """How it is drawn, and the subjects in the order of the files, with their modalities."""

    plot: Plot
    subjects: list[str]
    modalities: list[str]


def histogram(values: np.ndarray, limits: tuple[float, float]) -> pd.DataFrame:
    """Middle and density of each bin between two limits, with the mean and the standard deviation of all values."""
    density, edges = np.histogram(values, BINS, limits, density=True)
    middle = (edges[:-1] + edges[1:]) / 2
    return pd.DataFrame({"value": middle, "density": density, "mean": values.mean(), "sd": values.std()})


def histograms(volumes: dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Histograms of the brain's voxels: one range of values for all subjects of a modality, before and after."""
    tables = []
    for modality, when in dict.fromkeys((modality, when) for _, modality, when in volumes):
        inside = {key[0]: data[brain] for key, (data, brain) in volumes.items() if key[1:] == (modality, when)}
        limits = [np.percentile(values, [0.5, 99.5]) for values in inside.values()]
        ends = min(low for low, _ in limits), max(high for _, high in limits)
        for subject, values in inside.items():
            named = {"subject": subject, "modality": modality, "image": when}
            tables.append(histogram(values, ends).assign(**named))
    return pd.concat(tables)[["subject", "modality", "image", "value", "density", "mean", "sd"]]


def curves(axis: Axes, data: pd.DataFrame, settings: Plot) -> None:
    """A line for each subject."""
    subjects = data["subject"].unique()
    for subject, color in zip(subjects, style.colors(settings, len(subjects)), strict=True):
        own = data[data["subject"] == subject]
        axis.plot(own["value"], own["density"], color=color, linewidth=1, label=bids.participant(subject))
    axis.set(yticks=[], xlabel="gray value in the brain", ylabel="share of voxels")


def spread(data: pd.DataFrame, when: str) -> str:
    """Between which limits the subjects' means and deviations lie."""
    first = data.groupby("subject")[["mean", "sd"]].first()
    limits = [f"{first[name].min():.3g} to {first[name].max():.3g}" for name in ("mean", "sd")]
    return f"{'before' if when == 'raw' else 'after'}: mean {limits[0]}\nSD {limits[1]}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "output", many=("raw", "normalized"))
    args = parser.parse_args(argv)
    options, settings = args.options, args.options.plot
    raw, volumes = iter(args.raw), {}
    for subject, folder in zip(options.subjects, args.normalized, strict=True):
        for modality in options.modalities:
            scores = slices.voxels(io.load(bids.inside(folder, subject, bids.normalized(modality))))
            # z-scores have a shift: 0 is the background alone
            volumes[subject, modality, "raw"] = slices.voxels(io.load(next(raw))), scores != 0
            volumes[subject, modality, "normalized"] = scores, scores != 0
    data = histograms(volumes)
    size = {"nrows": len(options.modalities), "ncols": 4, "figsize": (10, 2.7 * len(options.modalities))}
    with style.figure(settings, args.output, data, **size) as (drawn, axes):
        for row, modality in zip(axes, options.modalities, strict=True):
            for place, when in enumerate(("raw", "normalized")):
                image, _ = volumes[options.subjects[0], modality, when]
                slices.show(row[place], image, settings.slice, f"{modality}, {'before' if when == 'raw' else 'after'}")
                chosen = data[(data["modality"] == modality) & (data["image"] == when)]
                curves(row[2 + place], chosen, settings)
                row[2 + place].set_title(spread(chosen, when))
        handles, labels = axes[0][2].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)


if __name__ == "__main__":
    cli.run(main)
