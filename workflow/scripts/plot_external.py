"""Draw one subject's modalities as scanned and as preprocessed, and the target errors within all subjects (Fig. 17)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganreg import cli, io
from ganreg.evaluate.external_table import ERRORS
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids

# within a subject these are other starts than between subjects
MEANING = {"headers": "As scanned", "initial": "Rigid"}
NAMES = {"T1w": "T1w", "T2w": "T2w", "ct": "CT", "pet": "PET"}
# of the figure's table
COLUMNS = ["dataset", "fold", "pair", "fixed", "moving", "modality", "method", *ERRORS]


class Options(Block):
    """How it is drawn, the subject that is shown, and its modalities, the reference first."""

    plot: Plot
    subject: str
    modalities: list[str]


def draw_errors(drawn: Figure, axis: Axes, errors: pd.DataFrame, reference: str, settings: Plot) -> None:
    """A point for each subject, modality and method, lines at the medians."""
    shown = [name for name in dict.fromkeys([*NAMES, *errors["modality"]]) if name in set(errors["modality"])]
    methods = list(dict.fromkeys(errors["method"]))
    width = 0.8 / len(methods)
    for index, (method, color) in enumerate(zip(methods, style.colors(settings, len(methods)), strict=True)):
        own = errors[errors["method"] == method]
        for place, modality in enumerate(shown):
            values = own.loc[own["modality"] == modality, "tre_median_mm"].to_numpy()
            at = place + (index - (len(methods) - 1) / 2) * width
            label = MEANING.get(method, style.name_of(method)) if place == 0 else None
            axis.plot(np.full(len(values), at), values, "o", ms=3.5, color=color, alpha=0.7, label=label)
            axis.plot([at - width / 3, at + width / 3], [np.median(values)] * 2, color=color)
    axis.set_xticks(range(len(shown)), [f"{NAMES.get(each, each)} to {reference}" for each in shown])
    axis.set_yscale("log")
    axis.set_ylabel("target registration\nerror (mm)")
    axis.grid(axis="y", alpha=0.3)
    columns = min(len(methods), 4)
    drawn.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False)


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "subjects", "output", many=("pairs", "images"))
    args = parser.parse_args(argv)
    options, settings = args.options, args.options.plot
    pairs = pd.concat([pd.read_csv(path) for path in args.pairs])
    # pairs of two subjects have no target error, and real subjects may be without a truth
    errors = pairs.loc[pairs["task"] == "within", COLUMNS].dropna(subset=ERRORS)
    columns = len(options.modalities)
    size = {"nrows": 3, "ncols": columns, "figsize": (7.2, 6.4), "gridspec_kw": {"height_ratios": [1, 1, 1.4]}}
    with style.figure(settings, args.output, errors, **size) as (drawn, axes):
        for column, (modality, path) in enumerate(zip(options.modalities, args.images, strict=True)):
            raw = slices.voxels(io.load_image(path))
            # CT: the brain's window
            limits = (-20, 80) if modality == "ct" else tuple(np.percentile(raw, (1, 99.5)))
            slices.show(axes[0][column], raw, settings.slice, NAMES.get(modality, modality), limits)
            image = slices.volume(args.subjects, options.subject, bids.preprocessed(modality))
            slices.show(axes[1][column], image, settings.slice)
        for axis in axes[2]:
            axis.remove()
        if len(errors):
            bottom = drawn.add_subplot(axes[2][0].get_gridspec()[2, :])
            draw_errors(drawn, bottom, errors, options.modalities[0], settings)


if __name__ == "__main__":
    cli.run(main)
