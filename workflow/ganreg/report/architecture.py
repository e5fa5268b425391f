"""A network as its traced layers: a box for each, from left to right as they run, further down the coarser the grid."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.report.trace import Layer

# (column, row) of a box
Box = tuple[int, int]

BOX = 0.84
# inches of a layer and of a step to a coarser grid
WIDE, TALL = 0.88, 1.0


def levels(layers: Sequence[Layer]) -> list[int]:
    """How often each layer's grid has been halved from the finest one; what has no grid is one below the coarsest.

    Parameters
    ----------
    layers : list of Layer
    """
    grids = [layer.output[2] if len(layer.output) > 2 else 0 for layer in layers]
    halved = [round(math.log2(max(grids) / grid)) if grid else None for grid in grids]
    lowest = max(each for each in halved if each is not None)
    return [lowest + 1 if each is None else each for each in halved]


def class_of(layer: Layer) -> str:
    """A layer's class."""
    return layer.kind.split(" ")[0]


def words(layer: Layer) -> str:
    """What a layer's box says: kernel and stride, channels, grid, parameters, and calls where there are several."""
    _, _, kernel = layer.kind.partition(" ")
    grid = "x".join(map(str, layer.output[2:]))
    lines = [kernel.replace(", stride ", " /"), f"{layer.output[1]} ch", grid, f"{layer.parameters:,}"]
    lines += [f"{layer.calls} calls"] * (layer.calls > 1)
    return "\n".join(filter(None, lines))


def _route(start: Box, end: Box, occupied: set[Box]) -> list[tuple[float, float]]:
    """Corners of an arrow between the middles of two boxes, so that it crosses no box between them.

    Parameters
    ----------
    start, end : (column, row), `end` further to the right
    occupied : set of (column, row), where boxes are
    """
    (from_x, from_y), (x, y) = start, end
    half = BOX / 2
    if from_y == y:
        if any((column, y) in occupied for column in range(from_x + 1, x)):
            below = y - half - 0.05
            return [(from_x, y - half), (from_x, below), (x, below), (x, y - half)]
        return [(from_x + half, y), (x - half, y)]
    if x - from_x == 1 or y > from_y:
        return [(from_x, from_y + math.copysign(half, y - from_y)), (from_x, y), (x - half, y)]
    return [(from_x + half, from_y), (x, from_y), (x, y + half)]


def draw(axis: Axes, layers: Sequence[Layer], colors: Mapping[str, Any], settings: Style) -> None:
    """Draw a network's layers, and arrows to those that read them; what skips others is dashed.

    Parameters
    ----------
    axis : Axes
    layers : list of Layer
    colors : dict, class of layers -> color
    settings : Style
    """
    places = {layer.name: (x, -y) for x, (layer, y) in enumerate(zip(layers, levels(layers), strict=True))}
    occupied = {*places.values()}
    for layer in layers:
        color, (x, y) = colors[class_of(layer)], places[layer.name]
        axis.bar(x, BOX, BOX, y - BOX / 2, color="white", edgecolor=color, linewidth=1.2, zorder=3)
        axis.bar(x, BOX, BOX, y - BOX / 2, color=color, alpha=0.15, zorder=4)
        axis.text(x, y, words(layer), ha="center", va="center", fontsize=settings.font_size - 2, zorder=5)
        for read in layer.reads:
            *corners, last, end = _route(places[read], (x, y), occupied)
            line: dict[str, Any] = {
                "color": "#888888",
                "linewidth": 0.9,
                "linestyle": "--" if x - places[read][0] > 1 else "-",
            }
            axis.plot(*zip(*corners, last, strict=True), zorder=1, **line)
            arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **line}
            axis.annotate("", end, last, arrowprops=arrow, zorder=1)
    rows = [y for _, y in places.values()]
    axis.set(xlim=(-0.6, len(layers) - 0.4), ylim=(min(rows) - 0.6, max(rows) + 0.6))
    axis.set_axis_off()


def table(networks: Mapping[str, Sequence[Layer]]) -> pd.DataFrame:
    """A line for each layer of some networks by name."""
    return pd.DataFrame(
        {"network": name}
        | {"layer": layer.name, "kind": layer.kind, "then": " ".join(layer.then)}
        | {"output": "x".join(map(str, layer.output)), "parameters": layer.parameters, "calls": layer.calls}
        | {"reads": " ".join(layer.reads)}
        for name, layers in networks.items()
        for layer in layers
    )


def figure(networks: Mapping[str, Sequence[Layer]], settings: Style, output: Path) -> None:
    """Draw networks below each other, each under its name, and write the figure.

    Parameters
    ----------
    networks : dict, title -> layers
    settings : Style
    output : Path of the PNG
    """
    heights = [TALL * (max(levels(layers)) + 1.3) for layers in networks.values()]
    size = {"nrows": len(networks), "gridspec_kw": {"height_ratios": heights}}
    size["figsize"] = (WIDE * max(map(len, networks.values())), sum(heights) + 0.4)
    classes = list(dict.fromkeys(class_of(layer) for layers in networks.values() for layer in layers))
    colors = dict(zip(classes, style.colors(settings, len(classes)), strict=True))
    with style.figure(settings, output, table(networks), **size) as (drawn, axes):
        for axis, (title, layers) in zip(axes[:, 0], networks.items(), strict=True):
            draw(axis, layers, colors, settings)
            axis.set_title(title, loc="left")
        patches = [Patch(edgecolor=color, facecolor="white", label=name) for name, color in colors.items()]
        drawn.legend(handles=patches, loc="outside lower left", ncols=len(patches), frameon=False)
