"""Overlap, surface distance, regularity and true error of one registered pair."""

import numpy as np
import torch
from monai.metrics import compute_hausdorff_distance

from ganreg.spatial import jacobian


def dice(first, second, count):
    """Dice per structure (the paper's Eq. 10).

    Parameters
    ----------
    first, second : int arrays of one shape, labels 0 ... `count`

    Returns
    -------
    array (count,): structure k + 1 at place k; 0 where one map lacks it, NaN where both do.
    """
    size = count + 1
    joint = np.bincount(first.ravel().astype(np.int64) * size + second.ravel(), minlength=size * size)
    joint = joint.reshape(size, size).astype(np.float64)
    total = joint.sum(axis=1) + joint.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return (2 * np.diag(joint) / total)[1:]


def hd95(first, second, indices, spacing):
    """95th percentile of the symmetric surface distance, in mm, for each of `indices`; NaN where a map lacks it.

    Parameters
    ----------
    first, second : int arrays (X, Y, Z)
    spacing : three floats, mm
    """
    result = []
    for index in indices:
        pair = [first == index, second == index]
        if not (pair[0].any() and pair[1].any()):
            result.append(np.nan)
            continue
        inside = np.argwhere(pair[0] | pair[1])
        box = tuple(slice(max(low - 1, 0), high + 2) for low, high in zip(inside.min(0), inside.max(0), strict=True))
        masks = [torch.from_numpy(mask[box][None, None]) for mask in pair]
        distance = compute_hausdorff_distance(*masks, include_background=True, percentile=95, spacing=list(spacing))
        result.append(float(distance))
    return np.array(result)


def regularity(displacement, mask):
    """Regularity inside the fixed brain mask.

    Parameters
    ----------
    displacement : Tensor (1, 3, X, Y, Z), voxels
    mask : bool Tensor (X, Y, Z)

    Returns
    -------
    dict
        `folded_forward_percent`, `folded_central_percent`: voxels whose determinant is 0 or less; `ndv_percent`:
        non-diffeomorphic volume over the mask's; `sdlogj`: standard deviation of log(max(det, 1e-9)), central.
    """
    forward, central = (
        jacobian.jacobian_determinant(displacement, scheme)[0][mask] for scheme in ("forward", "central")
    )
    volume = jacobian.non_diffeomorphic_volume(displacement)[0][mask[:-1, :-1, :-1]]
    return {
        "folded_forward_percent": 100 * float((forward <= 0).double().mean()),
        "folded_central_percent": 100 * float((central <= 0).double().mean()),
        "ndv_percent": 100 * float(volume.double().sum() / mask.sum()),
        "sdlogj": float(central.clamp(min=1e-9).log().double().std()),
    }
