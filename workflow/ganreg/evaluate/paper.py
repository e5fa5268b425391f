"""What the paper printed in its tables, as far as it is known (`resources/paper_results.csv`)."""

import numpy as np
import pandas as pd


def printed(paper: pd.DataFrame, table: int) -> pd.DataFrame:
    """What the paper printed in one of its tables for all folds together.

    Parameters
    ----------
    paper : pandas.DataFrame with table, method, fold (NaN: all folds), dice_mean, dice_sd; NaN where it is not known
    table : int

    Returns
    -------
    pandas.DataFrame indexed by method: dice_mean, dice_sd
    """
    chosen = paper[(paper["table"] == table) & paper["fold"].isna()]
    return chosen.set_index("method")[["dice_mean", "dice_sd"]]


def printed_folds(paper: pd.DataFrame, table: int) -> str:
    """What is known of the folds of one of the paper's tables, for its caption; empty where nothing is.

    Parameters
    ----------
    paper, table : as for `printed`
    """
    folds = paper[(paper["table"] == table) & paper["fold"].notna()].sort_values("fold")
    parts = []
    for method, own in folds.groupby("method", sort=False):
        for column, name in (("dice_mean", "means"), ("dice_sd", "SDs")):
            values = ["not known" if np.isnan(value) else f"{value:.3f}" for value in own[column]]
            shown = "not known" if {*values} == {"not known"} else ", ".join(values)
            parts.append(f"{name} of {method} by fold: {shown}")
    return "; ".join(parts)


def told(paper: pd.DataFrame, table: int) -> str:
    """What a caption says of the numbers of one of the paper's tables.

    Parameters
    ----------
    paper, table : as for `printed`
    """
    said = f"printed in the paper's Table {table}, on its own data"
    if printed(paper, table)["dice_mean"].isna().all():
        said += ": not known"
    folds = printed_folds(paper, table)
    return f"{said} ({folds})." if folds else f"{said}."
