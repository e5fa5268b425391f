"""Compare how much subjects of the embedded cohort differ with how much real ones do: 21 deep structures, T1w, 2 mm.

    .venv/bin/python benchmarks/cohort_variety.py --ixi PATH_TO_IXI --oasis PATH_TO_OASIS

IXI is a BIDS folder with DLMUSE labels (whole heads, 2 mm), OASIS one with Neuromorphometrics labels (brains, 1 mm); of
a folder that is not given or not there the table keeps what it has. All are compared at 2 mm, the finer ones low-passed
first, in z-scores over the brain. Wanted is what lies within a fifth of the real range: .8 times the lower to 1.2 times
the upper of the real values. T2w is measured on the simulated subjects alone: no real T2w with labels is at hand.

Writes benchmarks/cohort_variety.csv: a row for each statistic.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import SimpleITK as sitk
from tqdm import tqdm

from ganreg import cli, io
from ganreg.configuration import load_project
from ganreg.get import template
from ganreg.preprocess import resample
from ganreg.simulate import cohort
from ganreg.simulate.settings import Anatomy, Rigid
from ganreg.volumes import bids, labels, normalize

SPACING = 2.0
# a fifth of the real range
TOLERANCE = 0.2
BOTH = "left {0}", "right {0}"
PAIRED = [
    "thalamus",
    "caudate",
    "putamen",
    "pallidum",
    "hippocampus",
    "amygdala",
    "ventral diencephalon",
    "lateral ventricle",
    "cerebellar white matter",
]
DEEP = [side.format(name) for name in PAIRED for side in BOTH] + ["third ventricle", "fourth ventricle", "brain stem"]
BRAIN = "brain"
# volumes of these are compared, those of two sides each by itself
OF_VOLUMES = {
    "brain": [BRAIN],
    "lateral ventricles": [side.format("lateral ventricle") for side in BOTH],
    "third ventricle": ["third ventricle"],
    "pallidum": [side.format("pallidum") for side in BOTH],
}
REAL = ["IXI", "OASIS"]
ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "resources" / "labels"
STILL = Rigid(rotation_deg=0, translation_mm=0)

# name, image of each modality, brain mask, labels with their affine
Given = tuple[str, dict[str, nib.Nifti1Image], np.ndarray, nib.Nifti1Image]


def simulated(anatomy: Anatomy, count: int, spacing: int) -> Iterator[Given]:
    """Yield subjects of the cohort; the head is still, so that the T2w lies where its header says."""
    atlas, affine = cohort.coarsen(*template.load_template(template.icbm152_files()), spacing)
    still = anatomy.model_copy(update={"pose": STILL, "movement": STILL})
    for number in range(1, count + 1):
        subject = cohort.simulate_subject(atlas, affine, number, still)
        images = {name: nib.Nifti1Image(data, subject.image_affines[name]) for name, data in subject.images.items()}
        dseg = nib.Nifti1Image(subject.labels.astype(np.int32), subject.image_affines["T1w"])
        yield f"{number:02d}", images, subject.mask, dseg


def real(root: Path, derivative: str, stripped: bool) -> Iterator[Given]:
    """Yield subjects of a BIDS folder, their axes taken as those of the grid."""
    for name in bids.subjects_in(root):
        image = io.load_image(bids.path(root, name, bids.raw("T1w")))
        dseg = io.load_labels(bids.path(root / "derivatives" / derivative, name, bids.RAW_DSEG))
        grid = np.diag([*image.header.get_zooms()[:3], 1.0])
        data, marked = np.asarray(image.dataobj), np.asarray(dseg.dataobj)
        mask = data > 0 if stripped else labels.brain_mask(marked)
        yield name, {"T1w": nib.Nifti1Image(data, grid)}, mask, nib.Nifti1Image(marked, grid)


def describe(subject: Given, table: pd.DataFrame) -> pd.DataFrame:
    """Volume (ml) of each deep structure and of the brain, mean and SD of its z-scores in each modality."""
    name, images, mask, dseg = subject
    spacing = np.array(dseg.header.get_zooms()[:3])
    shape = tuple(int(size) for size in np.ceil(mask.shape * spacing / SPACING))
    grid = np.diag([SPACING] * 3 + [1.0])
    grid[:3, 3] = dseg.affine[:3, 3]
    structures = labels.to_structures(np.asarray(dseg.dataobj), table, mask)
    on_grid = resample.resample_labels(structures, dseg.affine, sitk.Transform(), shape, grid)
    brain = on_grid > 0
    scores = {}
    for modality, image in images.items():
        inside = np.asarray(image.dataobj, np.float32)
        if image.shape == mask.shape:
            inside = inside * mask
        data = resample.resample_image(nib.Nifti1Image(inside, image.affine), sitk.Transform(), shape, grid)
        scores[modality] = normalize.zscore(data, brain, name)
    numbers = labels.structures(table).set_index("name")["index"]
    rows = []
    for structure in [BRAIN, *DEEP]:
        where = brain if structure == BRAIN else on_grid == numbers[structure]
        row: dict[str, object] = {"subject": name, "structure": structure, "ml": where.sum() * SPACING**3 / 1000}
        for modality, score in scores.items():
            row |= {f"{modality}_mean": score[where].mean(), f"{modality}_sd": score[where].std()}
        rows.append(row)
    return pd.DataFrame(rows)


def statistics(long: pd.DataFrame) -> pd.Series:
    """The statistics of one source, from the rows of `describe` of all its subjects."""
    deep = long[long["structure"].isin(DEEP)]
    found = {}
    for modality in ("T1w", "T2w"):
        if f"{modality}_mean" in long:
            found[f"SD within a structure, {modality} (z)"] = deep[f"{modality}_sd"].mean()
            spread = deep.groupby("structure")[f"{modality}_mean"].std()
            found[f"SD between subjects of a structure's mean, {modality} (z)"] = spread.mean()
    volumes = long.pivot(index="subject", columns="structure", values="ml")
    for name, parts in OF_VOLUMES.items():
        sides = volumes[parts]
        found[f"coefficient of variation of volume, {name}"] = (sides.std() / sides.mean()).mean()
    return pd.Series(found)


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """The statistics with the range wanted, and whether the simulated value lies in it; empty without a reference."""
    references = table.drop(columns="simulated")
    low, high = references.min(axis=1) * (1 - TOLERANCE), references.max(axis=1) * (1 + TOLERANCE)
    result = table.round(3)
    result["wanted_low"], result["wanted_high"] = low.round(3), high.round(3)
    result["within"] = table["simulated"].between(low, high).astype(object).where(low.notna(), "")
    return result.rename_axis("statistic").reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ixi", type=Path, help="BIDS folder with T1w images and DLMUSE labels")
    parser.add_argument("--oasis", type=Path, help="BIDS folder with T1w brains and Neuromorphometrics labels")
    parser.add_argument("--subjects", type=int, default=15, help="of the cohort")
    parser.add_argument("--seed", type=int, help="of the cohort, another than the configuration's")
    parser.add_argument("--spacing", type=int, choices=(1, 2), help="of the cohort, another than the configuration's")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/cohort_variety.csv"))
    args = parser.parse_args()
    cli.set_threads(1)
    anatomy = load_project(ROOT).cohort
    anatomy = anatomy if args.seed is None else anatomy.model_copy(update={"seed": args.seed})
    of_real = labels.read_table(TABLES / "dlmuse.tsv")
    sources = {
        "simulated": (
            simulated(anatomy, args.subjects, args.spacing or anatomy.spacing),
            labels.read_table(TABLES / "cerebra.tsv"),
        )
    }
    # Neuromorphometrics labels have the numbers of DLMUSE's in the deep structures
    for name, root, derivative, stripped in (
        ("IXI", args.ixi, "dlmuse", False),
        ("OASIS", args.oasis, "neuromorphometrics", True),
    ):
        if root and root.is_dir():
            sources[name] = real(root, derivative, stripped), of_real
        else:
            print(f"{name}: no folder {root}, not measured")
    before = pd.read_csv(args.output, index_col="statistic") if args.output.is_file() else pd.DataFrame()
    columns = {name: before[name] for name in REAL if name in before}
    for name, (subjects, table) in sources.items():
        columns[name] = statistics(pd.concat([describe(subject, table) for subject in tqdm(subjects, name)]))
    table = compared(pd.DataFrame(columns).reindex(index=columns["simulated"].index, columns=["simulated", *REAL]))
    print(table.to_string(index=False))
    io.write_table(args.output, table)


if __name__ == "__main__":
    main()
