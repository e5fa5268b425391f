"""Draw the workflow's rules and what feeds what, as Snakemake itself tells (Fig. 22)."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganreg import cli, io
from ganreg.errors import InputError
from ganreg.report import rulegraph, style
from ganreg.report.settings import Style
from ganreg.settings import Block

# the record of the run comes after everything, as `all` does
LAST = {"all", "write_provenance"}


class Options(Block):
    """How it is drawn, and the rules of each stage."""

    plot: Style
    # pairs, not a dict: the order of the stages is that of the columns, and keys are sorted on the way here
    stages: list[tuple[str, list[str]]]
    depends_on: dict[str, Any]
    """What else the graph follows from: another value draws it anew."""


def graph_of(snakefile: Path, config: str) -> str:
    """What Snakemake prints as the graph of a workflow under a configuration."""
    with io.scratch() as folder:
        path = folder / "config.json"
        path.write_text(config)
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--configfile", str(path)]
        command += ["--rulegraph", "dot", "--forceall", "--nolock", "--workflow-profile", "none", "--profile", "none"]
        # the methods have been chosen: none is left out because its program is in another environment
        command += ["--use-conda"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise InputError(f"{snakefile}: expected a rule graph, found: {result.stderr.strip().splitlines()[-1]}")
    return result.stdout


def draw(
    drawn: Figure, axis: Axes, edges: Sequence[rulegraph.Edge], columns: Mapping[str, Sequence[str]], settings: Style
) -> None:
    """Draw a column of boxes for each stage, the road of the data from left to right, and an arrow for each edge."""
    boxes, places = {}, rulegraph.places(columns)
    for place, ((stage, rules), color) in enumerate(
        zip(columns.items(), style.colors(settings, len(columns)), strict=True)
    ):
        axis.text(place, 0.2, stage, ha="center", va="center", weight="bold", color=color)
        for rule in rules:
            box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": color}
            label, size = rule.replace("_", "_\n", 1), settings.font_size - 1
            boxes[rule] = axis.text(*places[rule], label, ha="center", va="center", bbox=box, fontsize=size, zorder=3)
    # boxes know their size once they are drawn, and arrows end at boxes
    drawn.canvas.draw()
    for first, second in edges:
        start, end = boxes[first], boxes[second]
        # within a column around the boxes between
        apart = start.get_position()[0] != end.get_position()[0]
        bend = 0 if apart or abs(start.get_position()[1] - end.get_position()[1]) <= 1 else 0.5
        arrow = {"arrowstyle": "-|>", "color": "#888888", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
        arrow |= {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
        arrow["connectionstyle"] = f"arc3,rad={bend}"
        axis.annotate("", end.get_position(), start.get_position(), arrowprops=arrow, zorder=1)


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "snakefile", "output").parse_args(argv)
    settings = args.options.plot
    printed = graph_of(args.snakefile, os.environ["GANREG_CONFIG"])
    all_edges = [edge for edge in rulegraph.edges_of(printed) if not LAST & {*edge}]
    edges, columns = rulegraph.arrange(all_edges, dict(args.options.stages))
    height = max(map(len, columns.values()))
    data = pd.DataFrame(sorted(all_edges), columns=["from", "to"])
    with style.figure(settings, args.output, data, figsize=(1.5 * len(columns), 0.6 * height + 0.5)) as (drawn, axes):
        axis = axes[0][0]
        axis.set_axis_off()
        axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-height, 0.6))
        draw(drawn, axis, edges, columns, settings)


if __name__ == "__main__":
    cli.run(main)
