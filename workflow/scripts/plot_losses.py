"""Draw each network's training and validation loss and its validation Dice, a line for each fold."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ganreg import cli
from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.settings import Block

PANELS = {"loss": "training loss", "validation_loss": "validation loss", "validation_dice": "validation Dice"}


class Options(Block):
    """How it is drawn."""

    plot: Style


def read_history(path: Path) -> pd.DataFrame:
    """A network's history with its fold and method, which its path names: models/fold1/unet_none_history.jsonl."""
    history = pd.read_json(path, lines=True).drop(columns="seconds")
    history.insert(0, "method", path.name.removesuffix("_history.jsonl"))
    history.insert(0, "fold", int(path.parent.name.removeprefix("fold")))
    return history


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "output", many=("histories",)).parse_args(argv)
    data = pd.concat([read_history(path) for path in args.histories])
    methods = list(dict.fromkeys(data["method"]))
    colors = style.colors(args.options.plot, data["fold"].nunique())
    size = {"nrows": len(methods), "ncols": 3, "figsize": (8.5, 2.3 * len(methods)), "sharex": True}
    with style.figure(args.options.plot, args.output, data, **size) as (drawn, axes):
        for row, method in enumerate(methods):
            for axis, key in zip(axes[row], PANELS, strict=True):
                for (fold, line), color in zip(data[data["method"] == method].groupby("fold"), colors, strict=True):
                    axis.plot(line["step"], line[key], color=color, linewidth=1.2, label=f"fold {fold}")
                axis.grid(alpha=0.3)
            axes[row][0].set_ylabel(style.name_of(method))
        for column, title in enumerate(PANELS.values()):
            axes[0][column].set_title(title)
            axes[-1][column].set_xlabel("step")
        lines, names = axes[0][0].get_legend_handles_labels()
        drawn.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False)


if __name__ == "__main__":
    cli.run(main)
