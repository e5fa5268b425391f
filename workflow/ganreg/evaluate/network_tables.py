"""Tables of what networks cost and how they generalize."""

from collections.abc import Mapping, Sequence

import pandas as pd

# what the unrolled network can be evaluated with less of, the weights being the same
VARIED = ["passes", "symmetric", "mirrored"]


def network_table(measured: pd.DataFrame, late_gain: Mapping[str, float], methods: Sequence[str]) -> pd.DataFrame:
    """What each network costs and how it generalizes, means over folds.

    Parameters
    ----------
    measured : pandas.DataFrame, lines of `networks.measure`
    late_gain : dict, method -> mean of `training.late_gain` over folds
    methods : list of str, the order of the lines

    Returns
    -------
    pandas.DataFrame: method, evaluations, gradients, parameters, training_dice, training_gain, test_dice, test_gain,
    gap (training_gain - test_gain), late_gain
    """
    whole = measured[measured["training_dice"].notna()]
    mean = whole.groupby("method").mean(numeric_only=True).loc[list(methods)].reset_index()
    for kind in ("training", "test"):
        mean[f"{kind}_gain"] = mean[f"{kind}_dice"] - mean[f"{kind}_start"]
    mean["gap"] = mean["training_gain"] - mean["test_gain"]
    mean["late_gain"] = mean["method"].map(late_gain)
    counts = ["evaluations", "gradients", "parameters"]
    mean[counts] = mean[counts].astype(int)
    kinds = ["training_dice", "training_gain", "test_dice", "test_gain"]
    return mean[["method", *counts, *kinds, "gap", "late_gain"]]


def passes_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Dice of networks of several passes by how many of them, directions and mirror images, means over folds.

    Returns
    -------
    pandas.DataFrame: method, passes, symmetric, mirrored, evaluations, gradients, test_dice, test_gain
    """
    several = measured[measured["passes"].notna()].copy()
    several["test_gain"] = several["test_dice"] - several["test_start"]
    keys = ["method", *VARIED, "evaluations", "gradients"]
    table = several.groupby(keys, as_index=False)[["test_dice", "test_gain"]].mean()
    # beside networks that have none they are read as numbers
    table = table.astype({"passes": int, "symmetric": bool, "mirrored": bool})
    return table.sort_values(["method", "evaluations", "passes"]).reset_index(drop=True)
