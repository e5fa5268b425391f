"""The table of a second data set: Dice between subjects, target registration error within one."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.evaluate import external_table, markdown, tables
from ganreg.evaluate.paper import told
from ganreg.evaluate.settings import Design
from ganreg.settings import Block

CAPTION = (
    "Subjects of a second data set, registered by the networks of the main one as they are: those of fold f register "
    "the second one's fold f. modality: of the moving image; the fixed one is the reference. dice_mean: pairs of "
    "subjects, {labels}, on the evaluation grid, as far as the moving subject's scan reaches, with a 95 % interval (of "
    "the folds' means, widened for training sets that folds share). tre: target registration error in mm of a "
    "subject's own images over the voxels of the brain (median of the subjects' medians; largest) and at the corners "
    "of the volume. headers: as the scanners left it; initial: after the rigid alignment and, between subjects, the "
    "affine to the template."
)

FOLDS = "By fold, means over fixed subjects; sd: over folds."
SILVER = " SyN made the silver labels: it is shown on them, but not to be ranked."
LEARNED = " The networks learned from silver labels, too, and are not to be ranked either."


class Options(Block):
    """Structures that are left out, what intervals must know, and what the labels are."""

    exclude: list[str]
    design: Design
    silver: bool
    learned_from_silver: bool
    """Whether the labels of the main data set are silver ones."""
    simulated: bool


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "paper", "output", many=("structures", "pairs"))
    args = parser.parse_args(argv)
    options = args.options
    structures, pairs = tables.joined(args.structures), tables.joined(args.pairs)
    structures = structures[~structures["structure"].isin(options.exclude)]
    table = external_table.summary(structures, pairs, options.design)
    labels = "silver labels" if options.silver else "simulated labels" if options.simulated else "their own labels"
    caption = CAPTION.format(labels=labels) + (SILVER + LEARNED * options.learned_from_silver) * options.silver
    paper = pd.read_csv(args.paper)
    folds = external_table.by_fold(structures, paper)
    for name, each, said in (
        ("external", table, caption),
        ("external_folds", folds, f"{caption} {FOLDS} paper_mean: {told(paper, 2)}"),
    ):
        io.write_table(args.output / f"{name}.csv", each)
        io.write_text(args.output / f"{name}.md", markdown.to_markdown(each, said))
    opened = {str(path): io.sha256(path) for path in [*args.structures, *args.pairs]}
    content = {"options": options, "caption": caption, "opened": opened}
    manifest.write(args.output / "external.json", ["pandas", "numpy", "scipy"], **content)


if __name__ == "__main__":
    cli.run(main)
