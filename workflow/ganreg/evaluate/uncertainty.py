"""Whether a network's uncertainty tells its error, and whether it finds the way back."""

import numpy as np
import pandas as pd
from scipy import stats

from ganreg import io
from ganreg.evaluate import pairs
from ganreg.progress import Progress
from ganreg.register.sampled import BACKWARD, MAPS, file_of
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on

BINS = 10


def spearman(first, second):
    """Spearman's rank correlation of two arrays; NaN where one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def reliability(predicted, error):
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


def inverse_consistency(forward, backward, affine, mask):
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


def evaluate_uncertainty(folds, method, dataset, folders, mask_of, truth=None):
    """Measure every test pair of one network inside the fixed brain mask, on the working grid.

    Parameters
    ----------
    folds : list of dict, of `split.folds`
    method, dataset : str, as they stand in the table
    folders : list of (transforms, sampled)
        For each fold the folder of the network's transforms and that of `register.uncertainty.sample_transforms`.
    mask_of : function (subject) -> Path of its brain mask
    truth : pairs.TrueField, or None

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
        If a file is missing, or a grid differs from the fixed mask's.
    """
    lines, predicted, wrong = [], [], []
    progress = Progress(f"uncertainty of {method}", sum(len(fold["pairs"]) for fold in folds))
    for fold, (transforms, sampled) in zip(folds, folders, strict=True):
        for pair in fold["pairs"]:
            mask_path = mask_of(pair["fixed"])
            brain = io.load_labels(mask_path)
            mask = np.asarray(brain.dataobj) > 0
            volumes = {}
            for name in MAPS:
                path = file_of(sampled, pair["pair"], name)
                volume = io.load(path)
                io.require_same_grid(brain, mask_path, volume, path)
                volumes[name] = np.asarray(volume.dataobj)[mask]
            displacements = [
                displacement_on(path, mask.shape, brain.affine)
                for path in (transforms / f"{pair['pair']}.nii.gz", file_of(sampled, pair["pair"], BACKWARD))
            ]
            sd = np.sqrt(volumes["variance"])
            line = {"dataset": dataset, "fold": fold["fold"]}
            line |= {name: pair[name] for name in ("pair", "fixed", "moving")} | {"method": method}
            line["sd_mm"] = float(np.sqrt(volumes["variance"].mean(dtype=np.float64)))
            line |= dict.fromkeys(["rmse_mm", "spearman", *(f"spearman_{name}" for name in MAPS[1:])], float("nan"))
            if truth is not None:
                error = pairs.true_errors(displacements[0], mask, brain.affine, truth, pair)
                line |= {"rmse_mm": float(np.sqrt(np.square(error).mean())), "spearman": spearman(sd, error)}
                line |= {f"spearman_{name}": spearman(volumes[name], error) for name in MAPS[1:]}
                predicted.append(sd)
                wrong.append(error)
            mean, percentile = inverse_consistency(*displacements, brain.affine, mask)
            lines.append({**line, "inverse_consistency_mm": mean, "inverse_consistency_p95_mm": percentile})
            progress.step()
    progress.close()
    nothing = np.zeros(0)
    curve = reliability(np.concatenate([nothing, *predicted]), np.concatenate([nothing, *wrong]))
    return pd.DataFrame(lines), curve
