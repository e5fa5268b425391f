"""Points in world space, moved by matrices and by displacement fields."""

import numpy as np
import torch

from ganreg.spatial import transform_file, warp


def apply(matrix, points):
    """Points (3, N) under a matrix (4, 4)."""
    return matrix[:3, :3] @ points + matrix[:3, 3:]


def _field_of(path):
    """Displacement of a transform file as a tensor (1, 3, X, Y, Z), RAS mm, and its grid's affine (4, 4)."""
    millimetres, affine = transform_file.read_transform(path)
    return torch.from_numpy(np.moveaxis(millimetres, 3, 0).copy())[None], affine


def displacement_on(path, shape, affine):
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

    def __init__(self, path):
        self.field, self.affine = _field_of(path)

    def __call__(self, points):
        """World points (3, N) in RAS mm -> where they are moved to."""
        voxels = apply(np.linalg.inv(self.affine), points).astype(np.float32)
        coordinates = torch.from_numpy(voxels).view(1, 3, -1, 1, 1)
        return points + warp.sample(self.field, coordinates, padding="border").view(3, -1).numpy()
