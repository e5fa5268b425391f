"""Train the progressive GAN on one fold's training subjects."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganreg import cli, io, manifest
from ganreg.learn.session import write_history
from ganreg.resume import resume_key
from ganreg.settings import Block, Label
from ganreg.split import folds
from ganreg.synthesize.pgan_data import Conditioned, inherited
from ganreg.synthesize.pgan_training import train
from ganreg.synthesize.settings import PganTraining


class Options(Block):
    settings: PganTraining
    modalities: list[Label]


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "structures", "subjects", "weights", "history", "previews",
        "manifest", any_number=("maps", "built_on"),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    settings, modalities = args.options.settings, args.options.modalities
    cli.set_threads(settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    names, data = fold["train"], Conditioned(args.subjects, args.maps, modalities)
    largest = int(pd.read_csv(args.structures, sep="\t")["index"].max())
    key = resume_key(args.options, args.code, data.opened(*names))
    title = f"pgan fold {args.fold}"
    history, previews, opened = train(title, settings, names, data, largest, args.weights, key)
    with io.atomic(args.previews) as beside, open(beside, "wb") as stream:
        grids = {f"stage{number}": preview.numpy() for number, preview in enumerate(previews, start=1)}
        np.savez_compressed(stream, subject=names[0], modalities=modalities, labels=data.read_map(names[0])[0], **grids)
    write_history(args.history, history)
    content = {"fold": fold["fold"], "method": "pgan", "options": args.options}
    everything = {**inherited(args.built_on), **opened}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], opened=everything, **content)


if __name__ == "__main__":
    cli.run(main)
