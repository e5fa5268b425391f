"""The table of a second data set, from its long tables."""

from typing import Any

import numpy as np
import pandas as pd

from ganreg.evaluate.paper import printed
from ganreg.evaluate.settings import Design
from ganreg.evaluate.statistics import estimate, seed_means, subject_means

# target registration errors of a pair within a subject: over the voxels of its brain, and the mean over the volume's
# corners
ERRORS = ["tre_median_mm", "tre_max_mm", "tre_corners_mm"]


def summary(structures: pd.DataFrame, pairs: pd.DataFrame, design: Design) -> pd.DataFrame:
    """One line a method and modality that is registered to the reference.

    Parameters
    ----------
    structures : pandas.DataFrame, a line for each pair of subjects and structure
    pairs : pandas.DataFrame, a line for each pair, also those within a subject
    design : Design

    Returns
    -------
    pandas.DataFrame
        dataset, method, modality; of pairs of subjects: n_subjects, dice_mean, ci_low, ci_high (95 %); within a
        subject: n_truth, the median over subjects of tre_median_mm and tre_corners_mm, the maximum of tre_max_mm. NaN
        where a modality is not registered in that task.
    """
    dice, errors = structures.dropna(subset="dice"), pairs.dropna(subset=ERRORS)
    rows = []
    for modality in dict.fromkeys([*structures["modality"], *errors["modality"]]):
        # the start without registration, which has errors alone, comes first
        for method in dict.fromkeys([*errors["method"], *structures["method"]]):
            between, within = (
                table[(table["modality"] == modality) & (table["method"] == method)] for table in (dice, errors)
            )
            if between.empty and within.empty:
                continue
            row = {"dataset": pd.concat([between, within])["dataset"].iloc[0], "method": method, "modality": modality}
            row |= {"n_subjects": 0, "dice_mean": np.nan, "ci_low": np.nan, "ci_high": np.nan}
            if len(between):
                values = seed_means(between, "dice")[method]
                found = estimate(values, design.overlap(method))[:3]
                row |= {"n_subjects": len(values)}
                row |= dict(zip(("dice_mean", "ci_low", "ci_high"), found, strict=True))
            # the mean over training seeds
            of_subjects = within.groupby("fixed")[ERRORS].mean()
            row |= {"n_truth": len(of_subjects), **of_subjects.median(), "tre_max_mm": of_subjects["tre_max_mm"].max()}
            rows.append(row)
    return pd.DataFrame(rows)


def by_fold(structures: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice over fixed subjects by fold, as the paper's Table 2 has it of RIRE; sd is over the folds.

    Parameters
    ----------
    structures : pandas.DataFrame, as for `summary`
    paper : pandas.DataFrame, as for `ganreg.evaluate.paper.printed`

    Returns
    -------
    pandas.DataFrame: dataset, method, modality, fold_1 ... fold_k, mean, sd, paper_mean
    """
    papers = printed(paper, 2)["dice_mean"]
    rows = []
    for key, own in structures.dropna(subset="dice").groupby(["modality", "method"], sort=False):
        modality, method = map(str, key)
        folds = subject_means(own, "dice")[method].groupby(level="fold").mean()
        row: dict[str, Any] = {"dataset": own["dataset"].iloc[0], "method": method, "modality": modality}
        row |= {f"fold_{fold}": value for fold, value in folds.items()}
        rows.append({**row, "mean": folds.mean(), "sd": folds.std(ddof=1), "paper_mean": papers.get(method, np.nan)})
    return pd.DataFrame(rows)
