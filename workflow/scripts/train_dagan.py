"""Train DAGAN on one fold's training subjects."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.learn.session import write_history
from ganreg.settings import Block, Label
from ganreg.split import folds
from ganreg.synthesize.dagan_training import train
from ganreg.synthesize.settings import DaganTraining
from ganreg.volumes.labels import mirror_labels


class Options(Block):
    settings: DaganTraining
    modalities: list[Label]


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.parser(__doc__, Options)
    cli.add_paths(parser, "folds", "structures", "subjects", "weights", "history", "manifest")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    settings, modalities = args.options.settings, args.options.modalities
    cli.set_threads(settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    mirrored = mirror_labels(pd.read_csv(args.structures, sep="\t"))
    title = f"dagan fold {args.fold}"
    history, opened = train(title, settings, fold, mirrored, modalities, args.subjects, args.weights, args.code)
    write_history(args.history, history)
    errors = {key: history[-1][key] for key in ("zero_filled_mse", "restored_mse")}
    content = {"fold": fold["fold"], "method": "dagan", "options": args.options, "opened": opened, **errors}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], **content)


if __name__ == "__main__":
    cli.run(main)
