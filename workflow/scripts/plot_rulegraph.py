"""Draw the workflow's rules and what feeds what, as Snakemake itself tells (Fig. 1)."""

import os
import re
import subprocess
import sys

import networkx
import pandas as pd

from ganreg import cli, io
from ganreg.errors import InputError
from ganreg.report import style


def rule_graph(snakefile, config):
    """Edges (rule, rule) of the workflow under a configuration."""
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
    names = dict(re.findall(r'(\d+)\[label = "([^"]+)"', result.stdout))
    return [(names[first], names[second]) for first, second in re.findall(r"(\d+) -> (\d+)", result.stdout)]


def stages_of(snakefile):
    """Stage -> its rules, in the order in which the Snakefile includes the stages."""
    stages = {}
    for included in re.findall(r'^include: "(.+)"$', snakefile.read_text(), re.MULTILINE):
        path = snakefile.parent / included
        if rules := re.findall(r"^ *(?:use rule \w+ as|rule) (\w+)(?: with)?:", path.read_text(), re.MULTILINE):
            stages[path.stem] = rules
    return stages


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "snakefile", "output")
    args = parser.parse_args(argv)
    options = args.options["plot"]
    # the record of the run comes after everything, as `all` does
    ends = {"all", "write_provenance"}
    edges = [edge for edge in rule_graph(args.snakefile, os.environ["GANREG_CONFIG"]) if not ends & {*edge}]
    graph = networkx.transitive_reduction(networkx.DiGraph(edges))
    # a column a stage, the road of the data from left to right; in a column what feeds others comes first
    order = list(networkx.lexicographical_topological_sort(graph))
    columns = {
        stage: sorted(set(rules) & set(order), key=order.index) for stage, rules in stages_of(args.snakefile).items()
    }
    height = max(map(len, columns.values()))
    data = pd.DataFrame(sorted(edges), columns=["from", "to"])
    with style.figure(options, args.output, data, figsize=(1.5 * len(columns), 0.6 * height + 0.5)) as (drawn, axes):
        axis = axes[0][0]
        axis.set_axis_off()
        axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-height, 0.6))
        boxes = {}
        for place, ((stage, rules), color) in enumerate(
            zip(columns.items(), style.colors(options, len(columns)), strict=True)
        ):
            axis.text(place, 0.2, stage, ha="center", va="center", weight="bold", color=color)
            for row, rule in enumerate(rules):
                box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": color}
                y = -0.5 - (row + (height - len(rules)) / 2)
                label, size = rule.replace("_", "_\n", 1), options["font_size"] - 1
                boxes[rule] = axis.text(place, y, label, ha="center", va="center", bbox=box, fontsize=size, zorder=3)
        # boxes know their size once they are drawn, and arrows end at boxes
        drawn.canvas.draw()
        for first, second in graph.edges:
            start, end = boxes[first], boxes[second]
            # within a column around the boxes between
            apart = start.get_position()[0] != end.get_position()[0]
            bend = 0 if apart or abs(start.get_position()[1] - end.get_position()[1]) <= 1 else 0.5
            arrow = {"arrowstyle": "-|>", "color": "#888888", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            arrow |= {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
            arrow["connectionstyle"] = f"arc3,rad={bend}"
            axis.annotate("", end.get_position(), start.get_position(), arrowprops=arrow, zorder=1)


if __name__ == "__main__":
    cli.run(main)
