"""Overlap of label maps: the one measure that training depends on, too."""

import numpy as np


def dice(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """Dice per structure (the paper's Eq. 10).

    Parameters
    ----------
    first, second : int arrays of one shape, labels 0 ... `count`
    count : int

    Returns
    -------
    array (count,): structure k + 1 at place k; 0 where one map lacks it, NaN where both do.
    """
    size = count + 1
    joint = np.bincount(first.ravel().astype(np.int64) * size + second.ravel(), minlength=size * size)
    joint = joint.reshape(size, size).astype(np.float64)
    total = joint.sum(axis=1) + joint.sum(axis=0)
    with np.errstate(invalid="ignore"):
        overlap: np.ndarray = (2 * np.diag(joint) / total)[1:]
    return overlap
