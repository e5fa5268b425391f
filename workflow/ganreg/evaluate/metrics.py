"""Surface distance and regularity of one registered pair."""

import numpy as np
from scipy import spatial

from ganreg.spatial import jacobian


def _surfaces(labels, spacing):
    """Surface points in mm, by label: voxels with a neighbour, of six, that is not of their label."""
    padded = np.pad(labels, 1)
    surface = np.zeros(labels.shape, dtype=bool)
    for axis in range(3):
        for side in (0, 2):
            shifted = [slice(1, -1)] * 3
            shifted[axis] = slice(side, side + labels.shape[axis])
            surface |= padded[tuple(shifted)] != labels
    voxels = np.argwhere(surface & (labels > 0))
    points, values = voxels * np.asarray(spacing), labels[tuple(voxels.T)]
    order = np.argsort(values, kind="stable")
    present, starts = np.unique(values[order], return_index=True)
    return dict(zip(present.tolist(), np.split(points[order], starts[1:]), strict=True))


def hd95(first, second, indices, spacing):
    """95th percentile of the surface distance, in mm, the larger of both directions; NaN where a map lacks a structure.

    Parameters
    ----------
    first, second : int arrays (X, Y, Z)
    indices : iterable of ints, the structures
    spacing : three floats, mm

    Returns
    -------
    array (len(indices),)
    """
    result = []
    pair = _surfaces(first, spacing), _surfaces(second, spacing)
    for index in indices:
        one, other = (surfaces.get(index) for surfaces in pair)
        if one is None or other is None:
            result.append(np.nan)
            continue
        there, back = (spatial.KDTree(b).query(a)[0] for a, b in ((one, other), (other, one)))
        result.append(max(np.percentile(there, 95), np.percentile(back, 95)))
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
    # one voxel beyond the brain decides on its edge, what is further away on nothing
    inside = mask.nonzero()
    ends = zip(inside.amin(dim=0).tolist(), inside.amax(dim=0).tolist(), strict=True)
    box = tuple(slice(max(low - 1, 0), high + 2) for low, high in ends)
    displacement, mask = displacement[(..., *box)], mask[box]
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
