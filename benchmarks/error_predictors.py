"""What could tell where a registration is wrong? Rank correlation of the true error with all that is known of a pair.

    .venv/bin/python benchmarks/error_predictors.py results unet_proposed

For each test pair of a finished run with `uncertainty.method`, inside the fixed brain on the working grid: Spearman's
correlation of the length of the true error (the simulated cohort's fields) with the standard deviation of the dropout
samples, with what the images and the transform themselves offer, and with two things that nobody knows of a patient:
the mean error of all other test pairs at the same place, and the error at the start. The median over pairs counts.
Writes benchmarks/error_predictors.csv.
"""

import argparse
import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import ndimage

from ganreg import io
from ganreg.evaluate.truth import TrueField, true_errors
from ganreg.evaluate.uncertainty import spearman
from ganreg.register import mind
from ganreg.register.sampled import file_of
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on
from ganreg.volumes.subjects import Subjects

ROOT = Path(__file__).resolve().parents[1]
# voxels, of what is smoothed or differentiated
SIGMA = 1


def known(
    fixed: torch.Tensor, moving: torch.Tensor, displacement: torch.Tensor, deviation: np.ndarray, mask: np.ndarray
) -> dict[str, np.ndarray]:
    """Predictors that take no truth, by name: arrays (X, Y, Z) from tensors (1, 1, X, Y, Z) and (1, 3, X, Y, Z)."""
    descriptors = mind.descriptors(fixed), mind.descriptors(warp.warp(moving, displacement))
    mismatch = (descriptors[0] - descriptors[1]).square().mean(dim=1)[0].numpy()
    return {
        "standard deviation of the samples": deviation,
        "standard deviation, smoothed": ndimage.gaussian_filter(deviation, SIGMA),
        "mismatch of MIND": mismatch,
        "mismatch of MIND, smoothed": ndimage.gaussian_filter(mismatch, SIGMA),
        "flatness of the fixed image": -ndimage.gaussian_gradient_magnitude(fixed[0, 0].numpy(), SIGMA),
        "length of the displacement": np.linalg.norm(displacement[0].numpy(), axis=0),
        "depth in the brain": ndimage.distance_transform_edt(mask),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of a finished run on the simulated cohort, T2w to T1w")
    parser.add_argument("method", help="its uncertainty.method")
    args = parser.parse_args()
    subjects = Subjects(args.results / "preprocess", ["T1w", "T2w"])
    truth = TrueField(args.results / "preprocess", args.results / "bids/derivatives/truth")
    found, errors, masks = {}, {}, {}
    for fold in io.read_json(args.results / "split/folds.json")["folds"]:
        for pair in fold["pairs"]:
            fixed, moving = subjects.read(pair["fixed"]), subjects.read(pair["moving"])
            name, mask = pair["pair"], fixed["mask"][0].numpy() > 0
            folder = Path(f"fold{fold['fold']}") / args.method
            path = args.results / "transforms" / folder / f"{name}.nii.gz"
            displacement = displacement_on(path, mask.shape, subjects.affine)
            variance = io.load(file_of(args.results / "uncertainty" / folder, name, "variance"))
            of = [mask, subjects.affine, truth, pair]
            errors[name] = np.full(mask.shape, np.nan)
            errors[name][mask] = true_errors(displacement, *of)
            masks[name] = mask
            predictors = known(
                fixed["T1w"][None], moving["T2w"][None], displacement, np.sqrt(np.asarray(variance.dataobj)), mask
            )
            found[name] = {key: spearman(value[mask], errors[name][mask]) for key, value in predictors.items()}
            start = true_errors(torch.zeros_like(displacement), *of)
            found[name]["with the truth: error at the start"] = spearman(start, errors[name][mask])
    for name, mask in masks.items():
        others = np.stack([errors[other] for other in errors if other != name])
        covered = mask & np.isfinite(others).any(axis=0)
        mean = np.nanmean(others[:, covered], axis=0)
        found[name]["with the truth: mean error of the other pairs"] = spearman(mean, errors[name][covered])
    table = pd.DataFrame(found).T
    summary = pd.DataFrame({"spearman": table.median(), "least": table.min(), "most": table.max()})
    said = f"# {args.method}, {len(table)} test pairs, median over them; {datetime.date.today()}\n"
    io.write_text(ROOT / "benchmarks" / "error_predictors.csv", said + summary.round(3).to_csv(index_label="predictor"))
    print(summary.round(3).to_string())


if __name__ == "__main__":
    main()
