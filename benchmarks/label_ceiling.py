"""The most that segmentation and registration can reach on the embedded cohort: Dice without the parcels' own jitter.

    .venv/bin/python benchmarks/label_ceiling.py results

Each subject is simulated again with `cohort.parcellation` at 0, so that the boundaries between parcels follow the
anatomy exactly; its labels are brought onto the grids of the run in the folder, with the alignment that it found, and
compared with the run's. What differs is drawn at random for each subject and shows in no image, so that nothing that
reads images can know it. Beside it the affine atlas: the template's labels on the same grid. Prints the mean Dice over
structures and subjects.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from ganreg import io
from ganreg.configuration import load_project
from ganreg.get import template
from ganreg.preprocess import resample
from ganreg.simulate import cohort
from ganreg.spatial import itk
from ganreg.volumes import bids, labels, overlap

ROOT = Path(__file__).resolve().parents[1]
GRIDS = {"working grid": bids.DSEG, "evaluation grid": bids.EVALUATION_DSEG}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results folder of a finished run of the default configuration")
    folder = parser.parse_args().results
    settings = load_project(ROOT).cohort
    exact = settings.model_copy(
        update={"parcellation": [scale.model_copy(update={"sd": 0}) for scale in settings.parcellation]}
    )
    volumes, affine = template.load_template(template.files_in(folder / "template", "T1w", "T2w", "mask", "dseg"))
    table = labels.read_table(ROOT / "resources/labels/cerebra.tsv")
    structures = pd.read_csv(folder / "preprocess/dseg.tsv", sep="\t")
    scored = [index - 1 for index, _ in labels.measured(structures)]
    found = {(grid, what): [] for grid in GRIDS for what in ("ceiling", "affine atlas")}
    for number in range(1, settings.subjects + 1):
        name = f"{number:02}"
        matrix = bids.path(folder / "preprocess", name, bids.linear("template", "T1w"))
        transform = itk.to_transform(np.loadtxt(matrix))
        subject = cohort.simulate_subject(volumes, affine, number, exact)
        native = labels.to_structures(subject.labels, table, subject.mask)
        atlas = labels.to_structures(volumes["dseg"], table, volumes["mask"] > 0)
        for grid, dseg in GRIDS.items():
            reference = io.load_labels(bids.path(folder / "preprocess", name, dseg))
            wanted, where = np.asarray(reference.dataobj), (reference.shape, reference.affine)
            maps = {
                "ceiling": resample.resample_labels(native, subject.image_affines["T1w"], transform, *where),
                "affine atlas": resample.resample_labels(atlas, affine, itk.to_transform(np.eye(4)), *where),
            }
            for what, drawn in maps.items():
                dice = overlap.dice(wanted, drawn, len(structures))
                found[grid, what].append(np.nanmean(dice[scored]))
    for (grid, what), dice in found.items():
        print(f"{grid}, {what}: {np.mean(dice):.3f} ({len(dice)} subjects, {min(dice):.3f} to {max(dice):.3f})")


if __name__ == "__main__":
    main()
