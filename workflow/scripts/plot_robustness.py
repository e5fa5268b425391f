"""Draw Dice against noise, bias field and rotated start (Fig. 15)."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli
from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.settings import Block

AXES = {
    "noise_sd": "noise (SD of the brain)",
    "bias_sd": "bias field (SD of its logarithm)",
    "rotation_deg": "initial rotation (degrees)",
}


class Options(Block):
    """How it is drawn."""

    plot: Style


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "table", "output").parse_args(argv)
    settings, data = args.options.plot, pd.read_csv(args.table)
    methods = list(data["method"].unique())
    colors = style.colors(settings, len(methods))
    kinds = [kind for kind in AXES if kind in set(data["degradation"])]
    size = {"ncols": len(kinds), "sharey": True, "figsize": (7.2, 3.0)}
    with style.figure(settings, args.output, data, **size) as (drawn, axes):
        for axis, kind in zip(axes[0], kinds, strict=True):
            for method, color in zip(methods, colors, strict=True):
                own = data[(data["method"] == method) & (data["degradation"] == kind)]
                axis.plot(own["level"], own["dice_mean"], marker="o", ms=3.5, color=color, label=style.name_of(method))
                axis.fill_between(own["level"], own["ci_low"], own["ci_high"], color=color, alpha=0.15, lw=0)
            axis.set_xlabel(AXES[kind])
            axis.grid(axis="y", alpha=0.3)
        axes[0][0].set_ylabel("Dice, test subjects")
        handles = axes[0][0].get_legend_handles_labels()
        drawn.legend(*handles, loc="outside lower center", ncols=min(len(methods), 4), frameon=False)


if __name__ == "__main__":
    cli.run(main)
