"""The table of uncertainty and inverse consistency: one line, from the pairs' measurements."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.evaluate import markdown, uncertainty_table
from ganreg.settings import Block, Count

CAPTION = (
    "Inside the fixed brain mask, on the working grid. sd_mm: spread of {samples} dropout samples of the transform "
    "(root of the mean variance), rmse_mm: true error of the transform; spearman: between both, voxel by voxel, the "
    "median over pairs, and the same of the residual and of the variance of the warped image; calibration_error_mm: "
    "mean distance of the reliability curve from the diagonal. inverse_consistency: how far a point comes to lie from "
    "its start that goes forward, and back by the same network with both images exchanged; mean over pairs of the mean "
    "and of the 95th percentile."
)


class Options(Block):
    """How the transforms were sampled."""

    samples: Count


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "pairs", "reliability", "output")
    args = parser.parse_args(argv)
    table = uncertainty_table.summary(pd.read_csv(args.pairs), pd.read_csv(args.reliability))
    caption = CAPTION.format(samples=args.options.samples)
    io.write_table(args.output / "uncertainty.csv", table)
    io.write_text(args.output / "uncertainty.md", markdown.to_markdown(table, caption))
    opened = {str(path): io.sha256(path) for path in (args.pairs, args.reliability)}
    manifest.write(
        args.output / "uncertainty.json", ["pandas", "numpy"], options=args.options, caption=caption, opened=opened
    )


if __name__ == "__main__":
    cli.run(main)
