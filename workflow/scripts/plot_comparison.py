"""Draw the methods' Dice: mean and interval, a point for each subject, the paper's number beside it (Fig. 19)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ganreg import cli
from ganreg.evaluate.statistics import subject_means
from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.settings import Block

PAPER = {"marker": "D", "markersize": 5, "markerfacecolor": "none", "color": "black", "linestyle": ""}
SUBJECT = {"s": 12, "alpha": 0.6, "linewidths": 0}


class Options(Block):
    """How it is drawn."""

    plot: Style


def draw(axis: Axes, table: pd.DataFrame, dice: pd.Series, settings: Style) -> None:
    """A row for each line of Table 1: each subject's Dice, their mean, and the paper's."""
    rng = np.random.default_rng(0)
    for row, (method, color) in enumerate(zip(table["method"], style.colors(settings, len(table)), strict=True)):
        values = dice[method].to_numpy()
        axis.scatter(values, row + rng.uniform(-0.18, 0.18, len(values)), color=color, **SUBJECT)
        axis.plot([values.mean()] * 2, [row - 0.32, row + 0.32], color=color, linewidth=2.5)
        printed = table["paper_dice"].iloc[row]
        if not np.isnan(printed):
            axis.plot(printed, row, **PAPER)
    axis.set_yticks(range(len(table)), [style.name_of(method) for method in table["method"]])
    axis.set_xlabel("Dice: mean of a test subject's structures")
    axis.grid(axis="x", alpha=0.3)


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "table", "structures", "output").parse_args(argv)
    table = pd.read_csv(args.table).iloc[::-1]
    dice = subject_means(pd.read_csv(args.structures), "dice")
    data = dice.rename("dice").reset_index()
    size = {"figsize": (6.5, 0.45 * len(table) + 1.4)}
    with style.figure(args.options.plot, args.output, data, **size) as (drawn, axes):
        axis = axes[0][0]
        draw(axis, table, dice, args.options.plot)
        axis.plot([], [], label="paper, on its data", **PAPER)
        axis.plot([], [], color="gray", linewidth=2.5, label="mean over subjects")
        axis.scatter([], [], s=12, color="gray", label="one subject")
        drawn.legend(loc="outside lower center", ncols=3, frameon=False)


if __name__ == "__main__":
    cli.run(main)
