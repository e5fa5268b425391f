"""A table of this run against the same table of another one, value by value, within a tolerance."""

import re
from typing import Any

import pandas as pd

# What another processor may change: Dice, mm, and percent of voxels. Other columns have to be the same.
TOLERANCES = {
    r"dice_.*|fold_\d+|mean|sd|diff_reference": 0.01,
    "hd95_mm": 0.3,
    r"ndv_percent|folded_percent": 0.1,
}
# they hang on how the folds differ, which values within the tolerance change much
NOT_COMPARED = {"ci_low", "ci_high", "p_holm", "effect_size"}


def tolerance(column: str) -> float:
    """How far two values of a column may be apart; 0 where they have to be the same."""
    return next((value for pattern, value in TOLERANCES.items() if re.fullmatch(pattern, column)), 0)


def _agree(found: Any, stored: Any, within: float) -> bool:
    if pd.isna(found) or pd.isna(stored):
        return bool(pd.isna(found) and pd.isna(stored))
    return bool(abs(found - stored) <= within if within else found == stored)


def differences(found: pd.DataFrame, stored: pd.DataFrame) -> list[str]:
    """What differs between two tables with a line for each method, by more than the tolerance.

    Parameters
    ----------
    found, stored : pandas.DataFrame with a column `method`

    Returns
    -------
    list of str: method, column, what was expected and what was found
    """
    found, stored = found.set_index("method"), stored.set_index("method")
    lines = []
    for name, ours, theirs in (("methods", found.index, stored.index), ("columns", found.columns, stored.columns)):
        if list(ours) != list(theirs):
            lines.append(f"{name}: expected {', '.join(theirs)}, found {', '.join(ours)}")
    for method in stored.index.intersection(found.index):
        for column in stored.columns.intersection(found.columns).drop(NOT_COMPARED, errors="ignore"):
            values: tuple[Any, Any] = (found.at[method, column], stored.at[method, column])
            within = tolerance(column)
            if not _agree(*values, within):
                expected = f"{values[1]} within {within}" if within else values[1]
                lines.append(f"{method}, {column}: expected {expected}, found {values[0]}")
    return lines
