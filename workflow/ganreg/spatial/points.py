"""Points in world space, moved by matrices and by displacement fields."""

import numpy as np
import torch

from ganreg.spatial import transform_file, warp


def apply(matrix, points):
    """Points (3, N) under a matrix (4, 4)."""
    return matrix[:3, :3] @ points + matrix[:3, 3:]


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
        millimetres, self.affine = transform_file.read_transform(path)
        self.field = torch.from_numpy(np.moveaxis(millimetres, 3, 0).copy())[None]

    def __call__(self, points):
        """World points (3, N) in RAS mm -> where they are moved to."""
        voxels = apply(np.linalg.inv(self.affine), points).astype(np.float32)
        coordinates = torch.from_numpy(voxels).view(1, 3, -1, 1, 1)
        return points + warp.sample(self.field, coordinates, padding="border").view(3, -1).numpy()
