"""Intensity normalisation (the paper's Eq. 1)."""

import numpy as np

from ganreg.errors import InputError


def zscore(data, mask, name):
    """Z-score over the brain mask, 0 outside.

    Parameters
    ----------
    data : array (X, Y, Z)
    mask : bool array of the same shape
    name : str or Path, named in errors

    Returns
    -------
    float32 array: mean 0 and standard deviation 1 inside the mask.

    Raises
    ------
    InputError
        If the mask is empty or the image is constant inside it.
    """
    inside = data[mask].astype(np.float64)
    if inside.size == 0:
        raise InputError(f"{name}: expected a brain mask that holds voxels, found an empty one")
    deviation = inside.std()
    if deviation < 1e-6 * max(1.0, abs(inside.mean())):
        raise InputError(f"{name}: expected contrast inside the brain, found the constant {inside.mean():g}")
    return np.where(mask, (data - inside.mean()) / deviation, 0).astype(np.float32)
