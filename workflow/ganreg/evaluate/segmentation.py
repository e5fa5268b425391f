"""Overlap of the segmentation networks' maps with reference labels."""

import numpy as np

from ganreg import io
from ganreg.evaluate import overlap
from ganreg.preprocess.labels import REST
from ganreg.segment.learned import map_path


def evaluate_maps(fold, dataset, model, folder, reference_of, structures):
    """Dice of a fold's maps against reference labels on the working grid.

    Parameters
    ----------
    fold : dict, of `split.folds`
    dataset, model : str, as they stand in the table
    folder : Path of the maps
    reference_of : function (subject) -> Path of its reference labels
    structures : pandas.DataFrame with index and name, as `labels.structures` gives it

    Returns
    -------
    list of dict, a line for each subject that has a map and each structure: dataset, fold, subject, role, model,
    structure, dice
    """
    lines = []
    wanted = structures[structures["name"] != REST]
    for role in ("train", "validation", "test"):
        for subject in sorted(fold[role]):
            path, reference = map_path(folder, subject), reference_of(subject)
            if not path.is_file():
                continue
            truth, found = io.load_labels(reference), io.load_labels(path)
            io.require_same_grid(truth, reference, found, path)
            dice = overlap.dice(np.asarray(truth.dataobj), np.asarray(found.dataobj), len(structures))
            keys = {"dataset": dataset, "fold": fold["fold"], "subject": subject, "role": role, "model": model}
            for index, name in zip(wanted["index"], wanted["name"], strict=True):
                lines.append({**keys, "structure": name, "dice": dice[index - 1]})
    return lines
