"""The tables of networks: what they cost, how they generalize, and what fewer passes give."""

from pathlib import Path

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import markdown, network_tables
from ganreg.settings import Block

NETWORKS = (
    "Evaluations of the network, and gradients of a similarity, in one registration. Dice on the working grid, means "
    "over folds; gain: over the start; gap: gain on training pairs - gain on test pairs; late_gain: what the second "
    "half of the training, or of the pre-training where that is more, added to the validation Dice."
)
PASSES = "The same weights with fewer passes, in one direction, without the pair's mirror image. Dice of test pairs."


class Options(Block):
    """Whose subjects, and which networks, in which order."""

    dataset: str
    methods: list[str]


def main(argv: list[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "output")
    parser.add_argument("--measured", nargs="+", type=Path, required=True, help="tables of measure_network")
    parser.add_argument("--manifests", nargs="+", type=Path, required=True, help="manifests of the networks")
    args = parser.parse_args(argv)
    measured = pd.concat([pd.read_csv(path) for path in args.measured])
    models = pd.DataFrame([io.read_json(path) for path in args.manifests])
    late_gain = models.groupby("method")["late_gain"].mean().to_dict()
    contents = {
        "networks": (network_tables.network_table(measured, late_gain, args.options.methods), NETWORKS),
        "passes": (network_tables.passes_table(measured), PASSES),
    }
    for name, (table, caption) in contents.items():
        table.insert(0, "dataset", args.options.dataset)
        io.write_table(args.output / f"{name}.csv", table)
        io.write_text(args.output / f"{name}.md", markdown.to_markdown(table, caption))


if __name__ == "__main__":
    cli.run(main)
