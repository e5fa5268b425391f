"""One style for all figures, and how they are written: PNG, SVG and the CSV behind them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from ganreg import io
from ganreg.register.methods import METHODS
from ganreg.report.settings import Style

PALETTES = {
    # Okabe and Ito's colors, distinct for all kinds of color vision
    "colorblind": ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666", "#F0E442"],
}


def name_of(method: str) -> str:
    """A method's name for readers; what is no method of the list, as unet_none_n3, is called as it is."""
    return METHODS[method].name if method in METHODS else method


def colors(settings: Style, count: int) -> list[Any]:
    """`count` colors of the palette, repeated if need be."""
    palette = PALETTES.get(settings.palette) or matplotlib.color_sequences[settings.palette]
    return [palette[index % len(palette)] for index in range(count)]


@contextlib.contextmanager
def figure(
    settings: Style, output: Path, data: pd.DataFrame | None, **subplots: Any
) -> Iterator[tuple[Figure, np.ndarray]]:
    """Yield a figure and its axes (rows, columns), then write it, and beside it an SVG and its data.

    Parameters
    ----------
    settings : Style
    output : Path of the PNG
    data : pandas.DataFrame, what the figure shows; None for a picture of a table, which is a PNG alone
    subplots : passed on to `plt.subplots`
    """
    # a fixed salt and no date: the same figure is the same file
    with plt.rc_context(
        {
            "font.size": settings.font_size,
            "svg.hashsalt": "ganreg",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "svg.fonttype": "none",
        }
    ):
        drawn, axes = plt.subplots(squeeze=False, layout="constrained", **subplots)
        yield drawn, axes
        formats: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None}}
        for suffix, metadata in formats.items() if data is not None else [*formats.items()][:1]:
            path = output.with_suffix(suffix)
            with io.atomic(path) as beside:
                drawn.savefig(beside, dpi=settings.dpi, metadata=metadata, format=suffix[1:])
        plt.close(drawn)
        if data is not None:
            io.write_table(output.with_suffix(".csv"), data)
