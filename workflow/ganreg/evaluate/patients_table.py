"""The table of patients of another data set, from the long tables."""

import numpy as np
import pandas as pd

from ganreg.evaluate.tables import bootstrap_interval, subject_means

# of the long table of errors
ERRORS = ["tre_median_mm", "tre_max_mm", "tre_corners_mm"]


def summary(dice, errors, methods, options):
    """One line a method and modality that is registered to T1w.

    Parameters
    ----------
    dice : pandas.DataFrame, a line for each pair of patients and structure
    errors : pandas.DataFrame, a line for each patient and modality
    methods : list of str, the order of the lines
    options : dict, block `evaluation`: bootstrap, seed

    Returns
    -------
    pandas.DataFrame
        dataset, method, modality; of pairs of patients: n_patients, dice_mean, ci_low, ci_high (over fixed patients,
        within folds); within a patient: n_truth, the median over patients of tre_median_mm and tre_corners_mm, the
        maximum of tre_max_mm. NaN where a modality is not registered in that way.
    """
    rows = []
    for modality in dict.fromkeys([*dice["modality"], *errors["modality"]]):
        for method in methods:
            pairs = dice[(dice["modality"] == modality) & (dice["method"] == method)].dropna(subset="dice")
            own = errors[(errors["modality"] == modality) & (errors["method"] == method)]
            if pairs.empty and own.empty:
                continue
            row = {"dataset": pd.concat([pairs, own])["dataset"].iloc[0], "method": method, "modality": modality}
            row |= {"n_patients": 0, "dice_mean": np.nan, "ci_low": np.nan, "ci_high": np.nan}
            if len(pairs):
                values = subject_means(pairs, "dice")
                folds = values.index.get_level_values("fold").to_numpy()
                low, high = bootstrap_interval(values.to_numpy(), folds, options["bootstrap"], options["seed"])
                row |= {"n_patients": len(values), "dice_mean": values.mean(), "ci_low": low, "ci_high": high}
            row |= {"n_truth": len(own), **own[ERRORS].median(), "tre_max_mm": own["tre_max_mm"].max()}
            rows.append(row)
    return pd.DataFrame(rows)
