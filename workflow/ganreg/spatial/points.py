"""Points in world space, moved by matrices and by displacement fields."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ganreg.spatial import transform_file, warp


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (3, N) under a matrix (4, 4)."""
    moved: np.ndarray = matrix[:3, :3] @ points + matrix[:3, 3:]
    return moved


def _field_of(path: Path) -> tuple[torch.Tensor, np.ndarray]:
    """Displacement of a transform file as a tensor (1, 3, X, Y, Z), RAS mm, and its grid's affine (4, 4)."""
    millimeters, affine = transform_file.read_transform(path)
    return torch.from_numpy(np.moveaxis(millimeters, 3, 0).copy())[None], affine


def displacement_on(path: Path, shape: Sequence[int], affine: np.ndarray) -> torch.Tensor:
    """The displacement of a transform file on another grid, linear between its nodes, extended beyond its edges.

    Parameters
    ----------
    path : Path
    shape : three ints, of the grid wanted
    affine : array (4, 4), its affine, mm

    Returns
    -------
    Tensor (1, 3, *shape), voxels of that grid

    Raises
    ------
    InputError
        As `transform_file.read_transform`.
    """
    return warp.resample_displacement(*_field_of(path), shape, affine)


class Displacement:
    """The displacement of a transform file, linear between its nodes, extended beyond its edges.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        As `transform_file.read_transform`.
    """

    def __init__(self, path: Path) -> None:
        self.field, self.affine = _field_of(path)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """World points (3, N) in RAS mm -> where they are moved to."""
        voxels = apply(np.linalg.inv(self.affine), points).astype(np.float32)
        coordinates = torch.from_numpy(voxels).view(1, 3, -1, 1, 1)
        moved: np.ndarray = points + warp.sample(self.field, coordinates, padding="border").view(3, -1).numpy()
        return moved
