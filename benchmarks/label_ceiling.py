"""The most that segmentation and registration can reach on the embedded cohort: Dice without the parcels' own jitter.

    PYTHONPATH=workflow python benchmarks/label_ceiling.py results

Each subject is simulated again with `cohort.parcellation` at 0, so that the boundaries between parcels follow the
anatomy exactly; its labels are brought onto the grids of `config.yaml` with the alignment that the run in the folder
found, and compared with the run's. What differs is drawn at random for each subject and shows in no image, so that
nothing that reads images can know it. Beside it the affine atlas: the template's labels on the same grid. Prints the
mean Dice over structures and subjects.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from ganreg import io
from ganreg.evaluate import overlap
from ganreg.get import cohort, template
from ganreg.preprocess import labels, resample
from ganreg.preprocess.labels import REST
from ganreg.spatial import itk

ROOT = Path(__file__).resolve().parents[1]
GRIDS = {"working grid": "", "evaluation grid": "res-evaluation_"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results folder of a finished run of the default configuration")
    folder = parser.parse_args().results
    options = yaml.safe_load((ROOT / "config.yaml").read_text())["cohort"]
    exact = {**options, "parcellation": [{**field, "sd": 0} for field in options["parcellation"]]}
    files = {name: folder / "template" / f"template_{name}.nii.gz" for name in ("T1w", "T2w", "mask", "dseg")}
    volumes, affine = template.load_template(files)
    table = labels.read_table(ROOT / "resources/labels/cerebra.tsv")
    structures = pd.read_csv(folder / "preprocess/dseg.tsv", sep="\t")
    scored = structures.loc[structures["name"] != REST, "index"] - 1
    found = {(grid, what): [] for grid in GRIDS for what in ("ceiling", "affine atlas")}
    for number in range(1, options["subjects"] + 1):
        anat = folder / "preprocess" / f"sub-{number:02}" / "anat"
        transform = itk.to_transform(np.loadtxt(anat / f"sub-{number:02}_from-template_to-T1w_xfm.txt"))
        subject = cohort.simulate_subject(volumes, affine, number, exact)
        native = labels.to_structures(subject.labels, table, subject.mask)
        atlas = labels.to_structures(volumes["dseg"], table, volumes["mask"] > 0)
        for grid, entity in GRIDS.items():
            reference = io.load_labels(anat / f"sub-{number:02}_{entity}dseg.nii.gz")
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
