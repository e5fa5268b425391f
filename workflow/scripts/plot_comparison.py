"""Draw the methods' Dice: mean and interval, a point for each subject, the paper's number beside it (Fig. 11)."""

import numpy as np
import pandas as pd

from ganreg import cli
from ganreg.evaluate import tables
from ganreg.report import style


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "table", "structures", "output")
    args = parser.parse_args(argv)
    options = args.options["plot"]
    table = pd.read_csv(args.table).iloc[::-1]
    dice = tables.subject_means(pd.read_csv(args.structures), "dice")
    data = dice.rename("dice").reset_index()
    size = {"figsize": (6.5, 0.45 * len(table) + 1.4)}
    with style.figure(options, args.output, data, **size) as (drawn, axes):
        axis = axes[0][0]
        rng = np.random.default_rng(0)
        for row, (method, color) in enumerate(zip(table["method"], style.colors(options, len(table)), strict=True)):
            values = dice[method].to_numpy()
            axis.scatter(
                values, row + rng.uniform(-0.18, 0.18, len(values)), s=12, color=color, alpha=0.6, linewidths=0
            )
            axis.plot([values.mean()] * 2, [row - 0.32, row + 0.32], color=color, linewidth=2.5)
            printed = table["paper_dice"].iloc[row]
            if not np.isnan(printed):
                axis.plot(printed, row, marker="D", markersize=5, markerfacecolor="none", color="black", linestyle="")
        axis.set_yticks(range(len(table)), [style.name_of(method) for method in table["method"]])
        axis.set_xlabel("Dice: mean of a test subject's structures")
        axis.plot(
            [],
            [],
            marker="D",
            markersize=5,
            markerfacecolor="none",
            color="black",
            linestyle="",
            label="paper, on its data",
        )
        axis.plot([], [], color="gray", linewidth=2.5, label="mean over subjects")
        axis.scatter([], [], s=12, color="gray", label="one subject")
        drawn.legend(loc="outside lower center", ncols=3, frameon=False)
        axis.grid(axis="x", alpha=0.3)


if __name__ == "__main__":
    cli.run(main)
