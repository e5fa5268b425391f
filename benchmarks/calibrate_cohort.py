"""Compare the embedded cohort with real IXI subjects: T1w to T1w, 2 mm, affine first, all labels, four methods.

    .venv/bin/python benchmarks/calibrate_cohort.py --part calibration --real PATH_TO_BIDS
    .venv/bin/python benchmarks/calibrate_cohort.py --part held_out --real PATH_TO_BIDS

Measures the mean Dice at the start and after SyN (Mattes), NiftyReg (NMI, 5 mm) and ConvexAdam-MIND on a cycle of
subjects, for the simulated cohort with the configuration's values and for the real one. The cohort's values were chosen
on the part `calibration`: the first real subjects, and the cohort's own seed. The part `held_out` has other real
subjects, and another seed. Rows of benchmarks/cohort_calibration.csv that were measured again are replaced; without
`--real` that is the simulated cohort alone, with `--real-only` the real one.
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch

from ganreg import cli, io
from ganreg.configuration import load_project
from ganreg.get import template
from ganreg.preprocess import align, resample
from ganreg.simulate import cohort
from ganreg.simulate.settings import Anatomy
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on
from ganreg.tools import ants, convexadam, niftyreg
from ganreg.volumes import bids, labels, normalize, overlap

SPACING, SHAPE = 2.0, (96, 96, 96)
LEAST_VOXELS = 20
SYN = ants.Syn(metric="mattes", sampling=32, iterations=[100, 70, 50, 20])
NIFTYREG = niftyreg.Niftyreg(similarity="nmi", spacing_mm=5, levels=3, threads=2)
# the package's defaults
CONVEX_ADAM = convexadam.Convexadam(grid_sp=6, disp_hw=4, grid_sp_adam=2, lambda_weight=1.25)
ROOT = Path(__file__).resolve().parents[1]

# name, T1w image, brain mask, labels
Given = tuple[str, nib.Nifti1Image, np.ndarray, np.ndarray]
# name -> path of the image, labels
Prepared = dict[str, tuple[Path, np.ndarray]]


PARTS = ["calibration", "held_out"]
# added to the cohort's seed for the part that is held out
OTHER_SEED = 1000


def simulated(anatomy: Anatomy, atlas: dict[str, np.ndarray], atlas_affine: np.ndarray, count: int) -> Iterator[Given]:
    """Yield name, T1w image, mask and labels of simulated subjects."""
    for number in range(1, count + 1):
        subject = cohort.simulate_subject(atlas, atlas_affine, number, anatomy)
        image = nib.Nifti1Image(subject.images["T1w"].astype(np.float32), subject.image_affines["T1w"])
        yield f"{number:02d}", image, subject.mask, subject.labels.astype(np.int32)


def real(root: Path, first: int, count: int) -> Iterator[Given]:
    """Yield name, T1w image, mask and labels of subjects of a BIDS folder with DLMUSE labels."""
    for name in bids.subjects_in(root)[first : first + count]:
        image = io.load_image(bids.path(root, name, bids.raw("T1w")))
        data = np.asarray(io.load_labels(bids.path(root / "derivatives" / "dlmuse", name, bids.RAW_DSEG)).dataobj)
        yield name, image, labels.brain_mask(data), data


def prepare(
    subjects: Iterable[Given], atlas: dict[str, np.ndarray], atlas_affine: np.ndarray, folder: Path
) -> Prepared:
    """Align, normalize and resample; write the images and return name -> (image path, labels)."""
    affine = resample.grid_affine(atlas["mask"], atlas_affine, SHAPE, SPACING)
    prepared = {}
    for name, image, mask, dseg in subjects:
        to_subject = align.align_affine(atlas["T1w"], atlas_affine, image, mask, name)
        scores = normalize.zscore(np.asarray(image.dataobj), mask, name)
        data = resample.resample_image(nib.Nifti1Image(scores, image.affine), to_subject, SHAPE, affine)
        inside = resample.resample_labels(mask.astype(np.int32), image.affine, to_subject, SHAPE, affine) > 0
        path = folder / f"{name}.nii.gz"
        io.save(path, np.where(inside, data, 0), affine)
        prepared[name] = path, resample.resample_labels(dseg, image.affine, to_subject, SHAPE, affine).astype(np.int32)
    return prepared


METHODS = {
    "SyN (Mattes)": lambda fixed, moving, output: ants.register(fixed, moving, output, SYN),
    "NiftyReg (NMI)": lambda fixed, moving, output: niftyreg.register(fixed, moving, output, NIFTYREG),
    "ConvexAdam": lambda fixed, moving, output: convexadam.register(fixed, moving, output, CONVEX_ADAM),
}


def score(fixed: np.ndarray, moving: np.ndarray, displacement: torch.Tensor) -> float:
    """Mean Dice over the labels that have at least `LEAST_VOXELS` voxels in both maps before the warp."""
    sizes = [np.bincount(dseg.ravel(), minlength=256)[1:] for dseg in (fixed, moving)]
    warped = warp.warp_labels(torch.from_numpy(moving), displacement).numpy()
    return np.nanmean(overlap.dice(fixed, warped, 255)[(sizes[0] >= LEAST_VOXELS) & (sizes[1] >= LEAST_VOXELS)])


def measure(prepared: Prepared, folder: Path, methods: list[str]) -> pd.DataFrame:
    """Mean Dice of the start and each method over a cycle of the subjects."""
    names = list(prepared)
    rows = []
    for fixed, moving in zip(names, names[1:] + names[:1], strict=True):
        (fixed_path, fixed_labels), (moving_path, moving_labels) = prepared[fixed], prepared[moving]
        identity = torch.zeros(1, 3, *SHAPE)
        rows.append({"method": "start", "dice": score(fixed_labels, moving_labels, identity), "seconds": 0})
        for method in methods:
            began = time.perf_counter()
            METHODS[method](fixed_path, moving_path, folder / "transform.nii.gz")
            seconds = time.perf_counter() - began
            voxels = displacement_on(folder / "transform.nii.gz", SHAPE, io.load(fixed_path).affine)
            rows.append({"method": method, "dice": score(fixed_labels, moving_labels, voxels), "seconds": seconds})
        print(*(f"{row['method']} {row['dice']:.3f}" for row in rows[-1 - len(methods) :]), sep=", ", flush=True)
    return pd.DataFrame(rows).groupby("method", sort=False).mean().round(4).reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    parser.add_argument("--real", type=Path, help="BIDS folder with T1w images and DLMUSE labels")
    parser.add_argument("--real-only", action="store_true")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/cohort_calibration.csv"))
    args = parser.parse_args()
    cli.set_threads(2)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    atlas, atlas_affine = template.load_template(template.icbm152_files())
    anatomy, half = load_project(ROOT).cohort, PARTS.index(args.part)
    anatomy = anatomy.model_copy(update={"seed": anatomy.seed + half * OTHER_SEED})
    sources = {}
    if not args.real_only:
        sources["simulated"] = simulated(anatomy, atlas, atlas_affine, args.pairs)
    if args.real:
        sources["real"] = real(args.real, half * args.pairs, args.pairs)
    table = pd.read_csv(args.output) if args.output.is_file() else pd.DataFrame(columns=["part", "source", "method"])
    for source, subjects in sources.items():
        with io.scratch() as folder:
            measured = measure(prepare(subjects, atlas, atlas_affine, folder), folder, args.methods)
        measured = measured.assign(part=args.part, source=source, pairs=args.pairs)
        again = (table["part"] == args.part) & (table["source"] == source) & table["method"].isin(measured["method"])
        table = pd.concat([table[~again], measured[["part", "source", "pairs", "method", "dice", "seconds"]]])
        io.write_table(args.output, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
