"""Measure one method's pairs of patients from its transform files: Dice between patients, target error within one."""

from pathlib import Path

import numpy as np

from ganreg import cli, io
from ganreg.evaluate import patients
from ganreg.preprocess import labels


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "folds", "label_table", "subjects", "output_dice", "output_errors",
        many=("transforms",),
    )  # fmt: skip
    parser.add_argument("--method", required=True)
    parser.add_argument("--truth", type=Path, help="folder of the true rigid transforms, where there are some")
    args = parser.parse_args(argv)
    folds = io.read_json(args.folds)["folds"]
    transforms = {
        (fold["fold"], path.name.removesuffix(".nii.gz")): path
        for fold, folder in zip(folds, args.transforms, strict=True)
        for path in folder.glob("*.nii.gz")
    }

    def truth_of(patient, modality):
        stem = args.truth / f"sub-{patient}" / "anat" / f"sub-{patient}"
        there = Path(f"{stem}_from-T1w_to-{modality}_desc-true_xfm.txt")
        # as RIRE's gold standard has it
        back = Path(f"{stem}_from-{modality}_to-T1w_desc-true_xfm.txt")
        if there.is_file():
            return np.loadtxt(there)
        return np.linalg.inv(np.loadtxt(back)) if back.is_file() else None

    structures = labels.structures(labels.read_table(args.label_table))
    subjects = patients.Preprocessed(args.subjects)
    dataset = args.options["dataset"]
    tables = patients.evaluate(folds, args.method, dataset, transforms, subjects, structures, truth_of)
    for path, table in zip((args.output_dice, args.output_errors), tables, strict=True):
        io.write_table(path, table)


if __name__ == "__main__":
    cli.run(main)
