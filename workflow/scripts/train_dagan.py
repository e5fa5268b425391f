"""Train DAGAN on one fold's training subjects."""

import json

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.preprocess.labels import mirrors
from ganreg.split import folds
from ganreg.synthesize import dagan


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "structures", "subjects", "weights", "history", "manifest")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    settings, modalities = args.options["settings"], args.options["modalities"]
    cli.set_threads(settings["threads"])
    fold = folds.select(io.read_json(args.folds), args.fold)
    sides = mirrors(pd.read_csv(args.structures, sep="\t"))
    title = f"dagan fold {args.fold}"
    history, opened = dagan.train(title, settings, fold, sides, modalities, args.subjects, args.weights, args.code)
    io.write_text(args.history, "".join(json.dumps(line) + "\n" for line in history))
    errors = {key: history[-1][key] for key in ("zero_filled_mse", "restored_mse")}
    content = {"fold": fold["fold"], "method": "dagan", "options": args.options, "opened": opened, **errors}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], **content)


if __name__ == "__main__":
    cli.run(main)
