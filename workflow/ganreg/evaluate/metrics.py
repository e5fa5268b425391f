"""The measures of a registered pair: columns of the long tables.

A new measure is a function and a line of `OF_STRUCTURES` or `OF_PAIRS`; the tables follow.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from scipy import spatial

from ganreg.spatial import jacobian
from ganreg.volumes import overlap


def _surfaces(labels: np.ndarray, spacing: Sequence[float]) -> dict[int, np.ndarray]:
    """Surface points in mm, by label: voxels with a neighbor, of six, that is not of their label."""
    padded = np.pad(labels, 1)
    surface = np.zeros(labels.shape, dtype=bool)
    for axis in range(3):
        for first in (0, 2):
            shifted = [slice(1, -1)] * 3
            shifted[axis] = slice(first, first + labels.shape[axis])
            surface |= padded[tuple(shifted)] != labels
    voxels = np.argwhere(surface & (labels > 0))
    points, values = voxels * np.asarray(spacing), labels[tuple(voxels.T)]
    order = np.argsort(values, kind="stable")
    present, starts = np.unique(values[order], return_index=True)
    return dict(zip(present.tolist(), np.split(points[order], starts[1:]), strict=True))


def hd95(first: np.ndarray, second: np.ndarray, indices: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """95th percentile of the surface distance in mm, the larger of both directions; NaN where a map lacks a structure.

    Parameters
    ----------
    first, second : int arrays (X, Y, Z)
    indices : list of int, the structures
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


def dice(first: np.ndarray, second: np.ndarray, indices: Sequence[int], _spacing: Sequence[float]) -> np.ndarray:
    """Dice of some structures, as `overlap.dice`; parameters as of `hd95`."""
    count = max(int(first.max()), int(second.max()), *indices)
    values: np.ndarray = overlap.dice(first, second, count)[np.array(indices) - 1]
    return values


class BrainDeformation:
    """A displacement around a brain, and its Jacobian determinants inside, which several measures share.

    Parameters
    ----------
    displacement : Tensor (1, 3, X, Y, Z), voxels
    mask : bool Tensor (X, Y, Z), the fixed brain; not empty
    """

    def __init__(self, displacement: torch.Tensor, mask: torch.Tensor) -> None:
        # one voxel beyond the brain decides on its edge, what is further away on nothing
        inside = mask.nonzero()
        corners = zip(inside.amin(dim=0).tolist(), inside.amax(dim=0).tolist(), strict=True)
        box = tuple(slice(max(low - 1, 0), high + 2) for low, high in corners)
        self.displacement, self.mask = displacement[:, :, *box], mask[box]

    @cached_property
    def forward(self) -> torch.Tensor:
        """Determinants (N,) of forward differences at the brain's voxels."""
        return jacobian.jacobian_determinant(self.displacement, "forward")[0][self.mask]

    @cached_property
    def central(self) -> torch.Tensor:
        """Determinants (N,) of central differences at the brain's voxels."""
        return jacobian.jacobian_determinant(self.displacement, "central")[0][self.mask]


def folded_forward_percent(brain: BrainDeformation) -> float:
    """Percent of voxels whose determinant of forward differences is 0 or less."""
    return 100 * float((brain.forward <= 0).double().mean())


def folded_central_percent(brain: BrainDeformation) -> float:
    """Percent of voxels whose determinant of central differences is 0 or less."""
    return 100 * float((brain.central <= 0).double().mean())


def ndv_percent(brain: BrainDeformation) -> float:
    """Non-diffeomorphic volume in percent of the brain's."""
    volume = jacobian.non_diffeomorphic_volume(brain.displacement)[0][brain.mask[:-1, :-1, :-1]]
    return 100 * float(volume.double().sum() / brain.mask.sum())


def sdlogj(brain: BrainDeformation) -> float:
    """Standard deviation of log(max(determinant, 1e-9)), of central differences."""
    return float(brain.central.clamp(min=1e-9).log().double().std())


StructureMeasure = Callable[[np.ndarray, np.ndarray, Sequence[int], Sequence[float]], np.ndarray]
PairMeasure = Callable[[BrainDeformation], float]

# column of the long table of structures -> its function of the fixed and the warped label map
OF_STRUCTURES: dict[str, StructureMeasure] = {"dice": dice, "hd95_mm": hd95}

# column of the table of pairs -> its function
OF_PAIRS: dict[str, PairMeasure] = {
    "folded_forward_percent": folded_forward_percent,
    "folded_central_percent": folded_central_percent,
    "ndv_percent": ndv_percent,
    "sdlogj": sdlogj,
}


def of_structures(
    fixed: np.ndarray, warped: np.ndarray, indices: Sequence[int], spacing: Sequence[float]
) -> list[dict[str, float]]:
    """All measures of each structure.

    Parameters
    ----------
    fixed, warped : int arrays (X, Y, Z)
    indices : list of int, the structures
    spacing : three floats, mm

    Returns
    -------
    list of dict measure -> value, in the order of `indices`
    """
    columns = {name: measure(fixed, warped, indices, spacing) for name, measure in OF_STRUCTURES.items()}
    return [{name: float(values[place]) for name, values in columns.items()} for place in range(len(indices))]


def of_pair(displacement: torch.Tensor, mask: torch.Tensor) -> dict[str, float]:
    """All measures of a displacement inside the fixed brain.

    Parameters
    ----------
    displacement : Tensor (1, 3, X, Y, Z), voxels
    mask : bool Tensor (X, Y, Z), not empty

    Returns
    -------
    dict measure -> value
    """
    brain = BrainDeformation(displacement, mask)
    return {name: measure(brain) for name, measure in OF_PAIRS.items()}
