"""The five-fold Dice report: Table 1, Table 2, what each arm adds, and the cost table, from the long tables."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.evaluate import markdown, tables
from ganreg.evaluate.paper import told
from ganreg.evaluate.settings import Design
from ganreg.settings import Block

SIMULATED = "Simulated cohort: the numbers say how methods compare on it, not how they do on patients."
SILVER = "Silver labels: propagated from the ICBM-152 template by SyN, not drawn on these subjects."
LOST = "A structure that a method loses has Dice 0 and no HD95."
COST = (
    "Seconds and peak main memory a pair, from preprocessed images to the transform file. Where the networks had a "
    "GPU, their seconds are its own and its memory is not counted. evaluations: of a network; gradients: of a "
    "similarity with respect to the transform; in one registration."
)
INTERVAL = (
    "95 % interval: Student's t of the folds' means, since pairs share subjects within a fold; where a network is "
    "compared, widened for training sets that folds share (Nadeau and Bengio). p: of the same test, after Holm."
)
GAIN = f"gain: Dice of method - against. {INTERVAL}"
ERROR = "tre_change_mm: the same of the distance between found and true places in the brain; less is better."


class Options(Block):
    """What the tables say beside the measurements."""

    dataset: str
    simulated: bool
    silver: bool
    labeled: list[str]
    """Methods that learned from training subjects' labels."""
    unranked: list[str]
    """Methods that are shown, but not compared."""
    task: str
    methods: list[str]
    reference_method: str
    contrasts: list[tuple[str, str]]
    """Methods whose difference is an arm's gain, and what they are compared with."""
    work: dict[str, tuple[int, int]]
    """Evaluations of a network and gradients of a similarity in a registration, of methods that count them."""
    design: Design


def notes(options: Options, folds: int, folds_hash: str, manifests: Sequence[Path]) -> list[str]:
    """What readers of every table must know."""
    trained = [io.read_json(path) for path in manifests]
    under_trained = sorted({model["method"] for model in trained if model["under_trained"]})
    lines = [SIMULATED] * options.simulated + [SILVER] * options.silver
    if options.unranked:
        lines.append(f"Shown, but not ranked on them: {', '.join(options.unranked)}.")
    lines.append(f"Measured on the test subjects of {folds} folds ({folds_hash}).")
    if under_trained:
        lines.append(f"Under-trained (validation Dice still rose in the second half): {', '.join(under_trained)}.")
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "structures", "pairs", "cost", "paper", "output")
    parser.add_argument("--manifests", nargs="*", type=Path, default=[], help="manifests of the trained models")
    args = parser.parse_args(argv)
    options, design = args.options, args.options.design
    structures, pairs, cost, paper = (
        pd.read_csv(path) for path in (args.structures, args.pairs, args.cost, args.paper)
    )
    folds_hash = io.read_json(args.folds)["hash"]
    experiment = tables.Experiment(options.dataset, options.task, folds_hash, options.labeled, options.unranked)
    methods, reference = options.methods, options.reference_method
    contents = {
        "table1": tables.table1(structures, pairs, methods, reference, experiment, paper, design),
        "table2": tables.table2(structures, methods, options.dataset, paper),
        "cost": tables.cost_table(cost, methods, options.work),
    }
    said = notes(options, structures["fold"].nunique(), folds_hash, args.manifests)
    explained = f"Differences: {reference} minus method. {INTERVAL}"
    captions = {
        "table1": " ".join([*said, explained, LOST, f"paper_dice, paper_sd: {told(paper, 1)}"]),
        "table2": " ".join([*said, "sd: over folds.", f"paper_mean: {told(paper, 2)}"]),
        "cost": COST,
    }
    if options.contrasts:
        arms = tables.gains(structures, pairs, options.contrasts, options.dataset, design)
        contents["arms"] = arms
        captions["arms"] = " ".join([*said, GAIN, *[ERROR] * ("tre_change_mm" in arms)])
    for name, table in contents.items():
        io.write_table(args.output / f"{name}.csv", table)
        io.write_text(args.output / f"{name}.md", markdown.to_markdown(table, captions[name]))
        opened = {} if name == "cost" else {str(path): io.sha256(path) for path in (args.structures, args.pairs)}
        content = {"options": options, "caption": captions[name]}
        manifest.write(args.output / f"{name}.json", ["pandas", "scipy", "numpy"], opened=opened, **content)


if __name__ == "__main__":
    cli.run(main)
