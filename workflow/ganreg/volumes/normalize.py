"""Intensity normalization (the paper's Eq. 1)."""

from pathlib import Path

import numpy as np

from ganreg.errors import InputError

# Eq. 1 alone would make the background (0) as bright as the mean of the brain, and hide the brain's outline from mutual
# information: NiftyReg then stays at its start on some pairs (Dice .56 instead of .70, T1w to T1w at 4 mm). Shifted by
# four deviations, the background is darker than the brain.
SHIFT = 4.0


def zscore(data: np.ndarray, mask: np.ndarray, name: str | Path) -> np.ndarray:
    """Z-score over the brain mask plus `SHIFT`, 0 outside.

    Parameters
    ----------
    data : array (X, Y, Z)
    mask : bool array of the same shape
    name : str or Path, named in errors

    Returns
    -------
    float32 array: mean `SHIFT` and standard deviation 1 inside the mask.

    Raises
    ------
    InputError
        If the mask is empty or the image is constant inside it.
    """
    inside = data[mask].astype(np.float64)
    require_voxels(inside.size, name)
    mean, deviation = inside.mean(), inside.std()
    require_contrast(float(mean), float(deviation), name)
    return np.where(mask, (data - mean) / deviation + SHIFT, 0).astype(np.float32)


def require_voxels(count: int, name: str | Path) -> None:
    """Refuse a brain mask of so many voxels, if they are none."""
    if count == 0:
        raise InputError(f"{name}: expected a brain mask that holds voxels, found an empty one")


def require_contrast(mean: float, deviation: float, name: str | Path) -> None:
    """Refuse gray values of this mean and standard deviation, if they are constant."""
    if deviation < 1e-6 * max(1.0, abs(mean)):
        raise InputError(f"{name}: expected contrast inside the brain, found the constant {mean:g}")
