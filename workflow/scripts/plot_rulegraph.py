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
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise InputError(f"{snakefile}: expected a rule graph, found: {result.stderr.strip().splitlines()[-1]}")
    names = dict(re.findall(r'(\d+)\[label = "([^"]+)"', result.stdout))
    return [(names[first], names[second]) for first, second in re.findall(r"(\d+) -> (\d+)", result.stdout)]


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "snakefile", "output")
    args = parser.parse_args(argv)
    options = args.options["plot"]
    edges = [edge for edge in rule_graph(args.snakefile, os.environ["GANREG_CONFIG"]) if "all" not in edge]
    graph = networkx.transitive_reduction(networkx.DiGraph(edges))
    layers = list(networkx.topological_generations(graph))
    for layer, rules in enumerate(layers):
        for rule in rules:
            graph.nodes[rule]["layer"] = -layer
    position = networkx.multipartite_layout(graph, subset_key="layer", align="horizontal")
    data = pd.DataFrame(sorted(edges), columns=["from", "to"])
    with style.figure(options, args.output, data, figsize=(9, 0.7 * len(layers))) as (_, axes):
        axis = axes[0][0]
        axis.set_axis_off()
        axis.margins(0.08, 0.05)
        networkx.draw_networkx_edges(
            graph, position, ax=axis, edge_color="#888888", node_size=1200, arrowsize=9, width=0.8
        )
        color = style.colors(options, 1)[0]
        for rule, (x, y) in position.items():
            box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": color}
            axis.text(
                x, y, rule.replace("_", "_\n", 1), ha="center", va="center", bbox=box, fontsize=options["font_size"] - 1
            )


if __name__ == "__main__":
    cli.run(main)
