"""Write one fold's DAGAN samples: training subjects, augmented, under-sampled and restored."""

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.preprocess.labels import mirrors
from ganreg.split import folds
from ganreg.synthesize import dagan


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "folds", "structures", "subjects", "weights", "model", "output", "manifest"
    )
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    settings, modalities = args.options["settings"], args.options["modalities"]
    cli.set_threads(settings["threads"])
    fold = folds.select(io.read_json(args.folds), args.fold)
    sides = mirrors(pd.read_csv(args.structures, sep="\t"))
    title = f"dagan samples fold {args.fold}"
    read = dagan.sample(title, settings, fold, sides, modalities, args.subjects, args.weights, args.output, args.code)
    opened = {**io.read_json(args.model)["opened"], **read}
    content = {"fold": fold["fold"], "kind": "dagan", "options": args.options, "opened": opened}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], **content)


if __name__ == "__main__":
    cli.run(main)
