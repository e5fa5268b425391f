"""Draw each network's training and validation loss and its validation Dice, a line for each fold."""

import pandas as pd

from ganreg import cli
from ganreg.report import style

PANELS = {"loss": "training loss", "validation_loss": "validation loss", "validation_dice": "validation Dice"}


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "output", many=("histories",))
    args = parser.parse_args(argv)
    options = args.options["plot"]
    parts = []
    for path in args.histories:
        # models/fold1/method_history.jsonl
        history = pd.read_json(path, lines=True).drop(columns="seconds")
        history.insert(0, "method", path.name.removesuffix("_history.jsonl"))
        history.insert(0, "fold", int(path.parent.name.removeprefix("fold")))
        parts.append(history)
    data = pd.concat(parts)
    methods = list(dict.fromkeys(data["method"]))
    colors = style.colors(options, data["fold"].nunique())
    size = {"nrows": len(methods), "ncols": 3, "figsize": (8.5, 2.3 * len(methods)), "sharex": True}
    with style.figure(options, args.output, data, **size) as (drawn, axes):
        for row, method in enumerate(methods):
            for column, (key, title) in enumerate(PANELS.items()):
                axis = axes[row][column]
                for (fold, line), color in zip(data[data["method"] == method].groupby("fold"), colors, strict=True):
                    axis.plot(line["step"], line[key], color=color, linewidth=1.2, label=f"fold {fold}")
                axis.grid(alpha=0.3)
                if row == 0:
                    axis.set_title(title)
                if column == 0:
                    axis.set_ylabel(style.name_of(method))
                if row == len(methods) - 1:
                    axis.set_xlabel("step")
        lines, names = axes[0][0].get_legend_handles_labels()
        drawn.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False)


if __name__ == "__main__":
    cli.run(main)
