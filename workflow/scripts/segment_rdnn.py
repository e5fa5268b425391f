"""Segment a fold's subjects: all with one network, or each with one that was not trained on it.

With the three networks of the cross-fit training subjects get maps of a network that has not seen them; the ablation
segments the test subjects alone.
"""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.segment import crossfit
from ganreg.segment.segmenting import segment_subjects, segmenter
from ganreg.segment.settings import RdnnModel
from ganreg.split import folds


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.parser(__doc__, RdnnModel)
    cli.add_paths(parser, "folds", "structures", "subjects", "output", "manifest", many=("weights", "models"))
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    structures = pd.read_csv(args.structures, sep="\t")
    weights = {path.stem.removeprefix("rdnn_"): path for path in args.weights}
    if "all" in weights:
        models = crossfit.models_of_subjects(fold, cross_fit=len(weights) > 1)
    else:
        models = dict.fromkeys(fold["test"], next(iter(weights)))
    opened = {name: io.read_json(path)["opened"] for name, path in zip(weights, args.models, strict=True)}
    crossfit.refuse_seen(models, opened, fold)
    segmenters = {name: segmenter(path, args.options, structures) for name, path in weights.items()}
    segmented = segment_subjects(models, segmenters, args.options.modalities, args.subjects, args.output)
    everything = {path: digest for files in opened.values() for path, digest in files.items()}
    content = {"options": args.options, "models": models, "segmented": segmented, "opened": everything}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], fold=fold["fold"], **content)


if __name__ == "__main__":
    cli.run(main)
