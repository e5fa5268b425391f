"""Whether a network's uncertainty tells its error, and how consistent it is with the images exchanged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats

from ganreg import io
from ganreg.evaluate.truth import TrueField, true_errors
from ganreg.progress import Progress
from ganreg.register.sampled import BACKWARD, MAPS, file_of
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on
from ganreg.split.folds import Fold
from ganreg.volumes import bids

BINS = 10
# of a pair, where there is a truth
OF_TRUTH = ["rmse_mm", "spearman", *(f"spearman_{name}" for name in MAPS[1:])]


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays; NaN where one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def reliability(predicted: np.ndarray, error: np.ndarray) -> pd.DataFrame:
    """Predicted against true size of the error, in bins of equally many voxels by what is predicted.

    Parameters
    ----------
    predicted, error : arrays (N,), mm; the standard deviation and the length of the error

    Returns
    -------
    pandas.DataFrame: bin (from 1), voxels, sd_mm (root of the mean variance), rmse_mm; no lines where N is 0
    """
    order = np.argsort(predicted, kind="stable")
    lines = []
    for number, part in enumerate(np.array_split(order, BINS) if len(order) else [], start=1):
        roots = {
            name: np.sqrt(np.mean(np.square(values[part], dtype=np.float64)))
            for name, values in (("sd_mm", predicted), ("rmse_mm", error))
        }
        lines.append({"bin": number, "voxels": len(part), **roots})
    return pd.DataFrame(lines, columns=["bin", "voxels", "sd_mm", "rmse_mm"])


def inverse_consistency(
    forward: torch.Tensor, backward: torch.Tensor, affine: np.ndarray, mask: np.ndarray
) -> tuple[float, float]:
    """How far from its start a point of the brain comes to lie that goes forward and then back, in mm.

    Parameters
    ----------
    forward, backward : Tensor (1, 3, X, Y, Z), voxels of one grid
    affine : array (4, 4), of the grid, mm
    mask : bool array (X, Y, Z), of the fixed brain

    Returns
    -------
    mean, percentile : float, mm; the percentile is the 95th
    """
    away = warp.compose(backward, forward)[0].numpy()[:, mask]
    distance = np.linalg.norm(affine[:3, :3] @ away, axis=0)
    return float(distance.mean()), float(np.percentile(distance, 95))


@dataclass(frozen=True, eq=False)
class Sampled:
    """What sampling left of a pair, inside the fixed brain mask, on the working grid."""

    mask: np.ndarray
    """bool array (X, Y, Z)"""
    affine: np.ndarray
    maps: dict[str, np.ndarray]
    """Name of `MAPS` -> values (N,) at the mask's voxels."""
    forward: torch.Tensor
    backward: torch.Tensor
    """Tensors (1, 3, X, Y, Z), voxels."""


def read_sampled(pair: str, transforms: Path, sampled: Path, mask_path: Path) -> Sampled:
    """Read what sampling left of a pair.

    Parameters
    ----------
    pair : str
    transforms : Path, folder of the network's transforms
    sampled : Path, folder of `register.uncertainty.sample_transforms`
    mask_path : Path of the fixed brain mask

    Raises
    ------
    InputError
        If a file is missing, or its grid is not the mask's.
    """
    brain = io.load_labels(mask_path)
    mask = np.asarray(brain.dataobj) > 0
    maps = {}
    for name in MAPS:
        path = file_of(sampled, pair, name)
        volume = io.load(path)
        io.require_same_grid(brain, mask_path, volume, path)
        maps[name] = np.asarray(volume.dataobj)[mask]
    forward, backward = (
        displacement_on(path, mask.shape, brain.affine)
        for path in (transforms / f"{pair}.nii.gz", file_of(sampled, pair, BACKWARD))
    )
    return Sampled(mask, brain.affine, maps, forward, backward)


def evaluate_uncertainty(
    folds: Sequence[Fold],
    method: str,
    dataset: str,
    folders: Sequence[tuple[Path, Path]],
    subjects: Path,
    truth: TrueField | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every test pair of one network inside the fixed brain mask, on the working grid.

    Parameters
    ----------
    folds : list of dict, of `split.folds`
    method, dataset : str, as they stand in the table
    folders : list of (transforms, sampled)
        For each fold the folder of the network's transforms and that of `register.uncertainty.sample_transforms`.
    subjects : Path of the preprocessed subjects
    truth : TrueField, or None

    Returns
    -------
    lines : pandas.DataFrame
        A line for each pair: sd_mm and rmse_mm (roots of the mean variance and of the mean squared true error),
        spearman (of standard deviation and true error), the same of the residual and of the appearance variance,
        inverse_consistency_mm and inverse_consistency_p95_mm; NaN where it takes a truth and there is none.
    curve : pandas.DataFrame, `reliability` over the voxels of all pairs

    Raises
    ------
    InputError
        As `read_sampled`.
    """
    lines, predicted, wrong = [], [np.zeros(0)], [np.zeros(0)]
    progress = Progress(f"uncertainty of {method}", sum(len(fold["pairs"]) for fold in folds))
    for fold, folder in zip(folds, folders, strict=True):
        for pair in fold["pairs"]:
            found = read_sampled(pair["pair"], *folder, bids.path(subjects, pair["fixed"], bids.MASK))
            sd = np.sqrt(found.maps["variance"])
            line = {"dataset": dataset, "fold": fold["fold"]}
            line |= {name: pair[name] for name in ("pair", "fixed", "moving")} | {"method": method}
            line["sd_mm"] = float(np.sqrt(found.maps["variance"].mean(dtype=np.float64)))
            line |= dict.fromkeys(OF_TRUTH, float("nan"))
            if truth is not None:
                error = true_errors(found.forward, found.mask, found.affine, truth, pair)
                line |= {"rmse_mm": float(np.sqrt(np.square(error).mean())), "spearman": spearman(sd, error)}
                line |= {f"spearman_{name}": spearman(found.maps[name], error) for name in MAPS[1:]}
                predicted.append(sd)
                wrong.append(error)
            mean, percentile = inverse_consistency(found.forward, found.backward, found.affine, found.mask)
            lines.append({**line, "inverse_consistency_mm": mean, "inverse_consistency_p95_mm": percentile})
            progress.step()
    progress.close()
    return pd.DataFrame(lines), reliability(np.concatenate(predicted), np.concatenate(wrong))
