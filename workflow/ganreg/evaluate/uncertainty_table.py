"""The table of uncertainty and inverse consistency, from the pairs' measurements."""

import numpy as np
import pandas as pd


def calibration_error(curve: pd.DataFrame) -> float:
    """Expected calibration error in mm: mean distance of a reliability curve from the diagonal; NaN without a curve.

    Bins count by their voxels (as Levi et al. 2022, doi:10.3390/s22155540, compare the roots of mean variance and of
    mean squared error).
    """
    if curve.empty:
        return float("nan")
    return float(np.average((curve["sd_mm"] - curve["rmse_mm"]).abs(), weights=curve["voxels"]))


def summary(lines: pd.DataFrame, curve: pd.DataFrame) -> pd.DataFrame:
    """The table: a line a method, means over pairs but for the medians of the rank correlations.

    Parameters
    ----------
    lines, curve : as `evaluate_uncertainty` gives them

    Returns
    -------
    pandas.DataFrame: dataset, method, n_pairs, sd_mm, rmse_mm, spearman (and of the other maps), calibration_error_mm,
    inverse_consistency_mm, inverse_consistency_p95_mm
    """
    grouped = lines.groupby(["dataset", "method"], sort=False)
    ranks = [name for name in lines.columns if name.startswith("spearman")]
    table = pd.concat(
        [grouped.size().rename("n_pairs"), grouped[["sd_mm", "rmse_mm"]].mean(), grouped[ranks].median()], axis=1
    )
    table["calibration_error_mm"] = calibration_error(curve)
    consistency = grouped[["inverse_consistency_mm", "inverse_consistency_p95_mm"]].mean()
    return table.join(consistency).reset_index()
