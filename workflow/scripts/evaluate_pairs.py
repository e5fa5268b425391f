"""Measure one method's test pairs from its transform files: Dice, surface distance, regularity, true error."""

import re
from functools import partial
from pathlib import Path

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import pairs


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__),
        "folds",
        "structures",
        "subjects",
        "output_structures",
        "output_pairs",
        many=("transforms",),
    )
    parser.add_argument("--method", required=True)
    parser.add_argument("--manifests", nargs="*", type=Path, default=[], help="what the models' data loaders opened")
    parser.add_argument("--truth", help="folder of the cohort's true fields, where there is a truth")
    args = parser.parse_args(argv)
    folds = io.read_json(args.folds)["folds"]
    pairs.refuse_leakage(args.manifests, folds, partial(pairs.files_of, args.subjects))
    transforms = {}
    for folder in args.transforms:
        # results/transforms/fold1[n3]/method[/batch1]
        fold = next(int(re.match(r"fold(\d+)", part)[1]) for part in folder.parts if part.startswith("fold"))
        transforms |= {(fold, path.name.removesuffix(".nii.gz")): path for path in folder.glob("*.nii.gz")}

    def labels_of(subject):
        return args.subjects / f"sub-{subject}" / "anat" / f"sub-{subject}_res-evaluation_dseg.nii.gz"

    truth = pairs.true_field(args.subjects, args.truth)
    structures = pd.read_csv(args.structures, sep="\t")
    dataset = args.options["dataset"]
    tables = pairs.evaluate_pairs(folds, args.method, dataset, transforms, labels_of, structures, truth)
    for path, table in zip((args.output_structures, args.output_pairs), tables, strict=True):
        io.write_table(path, table)


if __name__ == "__main__":
    cli.run(main)
