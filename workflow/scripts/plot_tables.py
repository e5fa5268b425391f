"""Draw Table 1 and Table 2 as pictures."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate.markdown import as_text
from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.settings import Block

TABLE1 = {
    "method": "method",
    "labels_in_training": "labels in\ntraining",
    "n_subjects": "subjects",
    "dice_mean": "Dice",
    "dice_sd_subjects": "SD of\nsubjects",
    "dice_sd_structures": "SD struct.\nx subjects",
    "diff_reference": "reference\n- method",
    "ci_low": "95 %\nlow",
    "ci_high": "95 %\nhigh",
    "p_holm": "p (Holm)",
    "hd95_mm": "HD95\n(mm)",
    "ndv_percent": "NDV\n(%)",
    "folded_percent": "folded\n(%)",
    "paper_dice": "paper's\nDice",
    "paper_sd": "paper's\nSD",
}


class Options(Block):
    """How they are drawn."""

    plot: Style


def draw(table: pd.DataFrame, names: dict[str, str], caption: str, settings: Style, output: Path) -> None:
    """Draw a data frame as a picture with a caption below; `names` are the columns' names as shown."""
    shown = as_text(table).rename(columns=names)
    shown.iloc[:, 0] = [style.name_of(method) for method in shown.iloc[:, 0]]
    # inches, with room for the longest method's name
    columns = [2.4, *[0.85] * (len(shown.columns) - 1)]
    size = {"figsize": (sum(columns), 0.27 * len(shown) + 1.3)}
    with style.figure(settings, output, None, **size) as (drawn, axes):
        axis = axes[0][0]
        axis.set_axis_off()
        drawing = axis.table(
            shown.values.tolist(),
            colLabels=list(shown.columns),
            colWidths=[column / sum(columns) for column in columns],
            cellLoc="right",
            loc="upper left",
            bbox=[0, 0, 1, 1],
        )
        drawing.auto_set_font_size(False)
        drawing.set_fontsize(settings.font_size - 1)
        for (row, column), cell in drawing.get_celld().items():
            cell.set_linewidth(0)
            cell.set_facecolor("#eeeeee" if row and row % 2 == 0 else "white")
            if row == 0:
                cell.set_height(cell.get_height() * 1.9)
                cell.set_text_props(weight="bold")
            if column == 0:
                cell.set_text_props(ha="left")
        drawn.supxlabel(caption, fontsize=settings.font_size - 2, wrap=True, x=0.01, ha="left")


def main(argv: Sequence[str] | None = None) -> None:
    paths = ("table1", "table2", "caption1", "caption2", "output1", "output2")
    args = cli.add_paths(cli.parser(__doc__, Options), *paths).parse_args(argv)
    settings = args.options.plot
    first, second = pd.read_csv(args.table1), pd.read_csv(args.table2).drop(columns="dataset")
    draw(first[list(TABLE1)], TABLE1, io.read_json(args.caption1)["caption"], settings, args.output1)
    names = {column: column.replace("_", " ") for column in second}
    draw(second, names, io.read_json(args.caption2)["caption"], settings, args.output2)


if __name__ == "__main__":
    cli.run(main)
