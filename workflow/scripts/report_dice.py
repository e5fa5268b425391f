"""The five-fold Dice report: Table 1, Table 2, what each arm adds, and the cost table, from the long tables."""

from pathlib import Path

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.evaluate import tables

SIMULATED = "Simulated cohort: the numbers say how methods compare on it, not how they do on patients."
SILVER = "Silver labels: carried over from the ICBM-152 template by SyN, not drawn on these subjects."


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "structures", "pairs", "cost", "paper", "output")
    parser.add_argument("--manifests", nargs="*", type=Path, default=[], help="manifests of the trained models")
    args = parser.parse_args(argv)
    options = args.options
    structures, pairs, cost = (pd.read_csv(path) for path in (args.structures, args.pairs, args.cost))
    trained = [io.read_json(path) for path in args.manifests]
    under_trained = sorted({model["method"] for model in trained if model["under_trained"]})
    info = {key: options[key] for key in ("dataset", "task", "labelled", "unranked")}
    info["folds_hash"] = io.read_json(args.folds)["hash"]
    methods, reference = options["methods"], options["reference_method"]
    paper = pd.read_csv(args.paper)
    first = tables.table1(structures, pairs, methods, reference, info, paper, options["evaluation"])
    second = tables.table2(structures, methods, options["dataset"], paper)

    notes = [SIMULATED] * options["simulated"] + [SILVER] * options["silver"]
    if options["unranked"]:
        notes.append(f"Shown, but not ranked on them: {', '.join(options['unranked'])}.")
    notes.append(
        f"Measured on the test subjects of {len(second.filter(like='fold_').columns)} folds ({info['folds_hash']})."
    )
    if under_trained:
        notes.append(f"Under-trained (validation loss still falling over the second half): {', '.join(under_trained)}.")
    explained = f"Differences: {reference} minus method, 95 % bootstrap interval over subjects, Wilcoxon p after Holm."
    lost = "A structure that a method loses has Dice 0 and no HD95."
    captions = {"table1": " ".join([*notes, explained, lost, "paper_dice: printed in the paper, on its own data."])}
    captions["table2"] = " ".join([*notes, "sd: over folds.", "paper_mean: printed in the paper, on its own data."])
    captions["cost"] = (
        "Seconds and peak main memory a pair, from preprocessed images to the transform file. Where the networks had a "
        "GPU, their seconds are its own and its memory is not counted."
    )
    contents = {"table1": first, "table2": second, "cost": tables.cost_table(cost, methods)}
    if options["contrasts"]:
        arms = tables.gains(structures, pairs, options["contrasts"], options["dataset"], options["evaluation"])
        gain = "gain: Dice of method - against, 95 % bootstrap interval over subjects, Wilcoxon p after Holm."
        error = "tre_change_mm: the same of the distance between found and true places in the brain; less is better."
        contents["arms"] = arms
        captions["arms"] = " ".join([*notes, gain, *[error] * ("tre_change_mm" in arms)])
    for name, table in contents.items():
        io.write_table(args.output / f"{name}.csv", table)
        io.write_text(args.output / f"{name}.md", tables.to_markdown(table, captions[name]))
        opened = {} if name == "cost" else {str(path): io.sha256(path) for path in (args.structures, args.pairs)}
        content = {"options": options, "seed": options["evaluation"]["seed"], "caption": captions[name]}
        manifest.write(args.output / f"{name}.json", ["pandas", "scipy", "numpy"], opened=opened, **content)


if __name__ == "__main__":
    cli.run(main)
