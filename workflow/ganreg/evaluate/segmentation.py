"""Overlap of the segmentation networks' maps with reference labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganreg import io
from ganreg.split.folds import Fold
from ganreg.volumes import bids, labels, overlap


def evaluate_maps(
    fold: Fold, dataset: str, model: str, maps: Path, subjects: Path, structures: pd.DataFrame
) -> list[dict[str, Any]]:
    """Dice of a fold's maps against reference labels on the working grid.

    Parameters
    ----------
    fold : dict, of `split.folds`
    dataset, model : str, as they stand in the table
    maps : Path, folder of the maps
    subjects : Path, folder of the preprocessed subjects
    structures : pandas.DataFrame with index and name, as `labels.structures` gives it

    Returns
    -------
    list of dict, a line for each subject that has a map and each structure: dataset, fold, subject, role, model,
    structure, dice

    Raises
    ------
    InputError
        If a volume is unreadable, or a map is on another grid than its reference labels.
    """
    lines = []
    for role in ("train", "validation", "test"):
        for subject in sorted(fold[role]):
            path, reference = bids.path(maps, subject, bids.MAP), bids.path(subjects, subject, bids.DSEG)
            if not path.is_file():
                continue
            truth, found = io.load_labels(reference), io.load_labels(path)
            io.require_same_grid(truth, reference, found, path)
            dice = overlap.dice(np.asarray(truth.dataobj), np.asarray(found.dataobj), len(structures))
            keys = {"dataset": dataset, "fold": fold["fold"], "subject": subject, "role": role, "model": model}
            for index, name in labels.measured(structures):
                lines.append({**keys, "structure": name, "dice": dice[index - 1]})
    return lines
