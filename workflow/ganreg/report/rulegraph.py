"""The graph of the workflow's rules, arranged for drawing."""

import re
from collections.abc import Iterable, Mapping, Sequence

import networkx

Edge = tuple[str, str]


def edges_of(dot: str) -> list[Edge]:
    """Edges (rule, rule) of a graph in the language of Graphviz, as `snakemake --rulegraph dot` prints it."""
    names = dict(re.findall(r'(\d+)\[label = "([^"]+)"', dot))
    return [(names[first], names[second]) for first, second in re.findall(r"(\d+) -> (\d+)", dot)]


def arrange(edges: Iterable[Edge], stages: Mapping[str, Sequence[str]]) -> tuple[list[Edge], dict[str, list[str]]]:
    """The edges that say all, and the rules of each stage in the order in which they are drawn.

    Parameters
    ----------
    edges : list of (rule, rule that needs it)
    stages : dict, stage -> its rules, in the order of the stages

    Returns
    -------
    edges : list of (rule, rule), without those that follow from others
    columns : dict, stage -> its rules that have an edge; what feeds others comes first
    """
    graph = networkx.transitive_reduction(networkx.DiGraph(edges))
    order = list(networkx.lexicographical_topological_sort(graph))
    columns = {stage: sorted({*rules} & {*order}, key=order.index) for stage, rules in stages.items()}
    return list(graph.edges), columns


def places(columns: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, float]]:
    """Where each rule's box is: a column for each stage, its rules below each other around a common middle.

    Parameters
    ----------
    columns : dict, stage -> its rules

    Returns
    -------
    dict: rule -> (x, y), a step of 1 between columns and between rows
    """
    height = max(map(len, columns.values()))
    return {
        rule: (column, -0.5 - (row + (height - len(rules)) / 2))
        for column, rules in enumerate(columns.values())
        for row, rule in enumerate(rules)
    }
