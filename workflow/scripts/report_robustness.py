"""The table of robustness: Dice of each method under noise, bias fields and rotated starts, from the long tables."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.evaluate import markdown, tables
from ganreg.evaluate.settings import Design
from ganreg.settings import Block

CAPTION = (
    "Dice of the test subjects where the moving image is degraded, without retraining; level 0: untouched. noise_sd: "
    "in standard deviations of the brain's gray values; bias_sd: of the field's logarithm; rotation_deg: of the moving "
    "subject's start, about a random axis. change: from level 0, paired by subject. Intervals: 95 %, "
    "of the folds' means, widened for training sets that folds share; none where there is one fold."
)


class Options(Block):
    """The data set, structures that are left out, and what intervals must know."""

    dataset: str
    exclude: list[str]
    design: Design


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "output", many=("structures",))
    args = parser.parse_args(argv)
    options = args.options
    structures = tables.joined(args.structures)
    structures = structures[~structures["structure"].isin(options.exclude)]
    folds = io.read_json(args.folds)["folds"]
    pairs = pd.DataFrame([{"fold": fold["fold"], **pair} for fold in folds for pair in fold["pairs"]])
    conditions = pairs[["fold", "pair", "degradation", "level"]]
    table = tables.by_degradation(structures, conditions, options.dataset, options.design)
    io.write_table(args.output / "robustness.csv", table)
    io.write_text(args.output / "robustness.md", markdown.to_markdown(table, CAPTION))
    opened = {str(path): io.sha256(path) for path in args.structures}
    content = {"options": options, "caption": CAPTION, "opened": opened}
    manifest.write(args.output / "robustness.json", ["pandas", "numpy", "scipy"], **content)


if __name__ == "__main__":
    cli.run(main)
