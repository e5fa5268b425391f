"""Random affine and elastic deformation of label maps, and of images with them.

The elastic part is a tensor-product cubic spline through random displacements at the nodes of a regular grid.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.spatial import warp
from ganreg.spatial.settings import Deformation, SampleDeformation
from ganreg.spatial.variation import Variation


def _spline(size: int, nodes: int) -> np.ndarray:
    """Values (size, nodes) of the cardinal cubic splines of `nodes` nodes, the outer ones on the outer voxels."""
    at = np.linspace(0, nodes - 1, size)[None]
    unit = np.eye(nodes)
    return np.stack([ndimage.map_coordinates(each, at, order=3, mode="nearest") for each in unit], axis=1)


def random_displacement(
    rng: np.random.Generator,
    shape: Sequence[int],
    spacing: npt.ArrayLike,
    settings: Deformation,
    device: torch.device | None = None,
) -> torch.Tensor:
    """Draw a displacement, from numbers that are drawn on the CPU whatever the device.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (X, Y, Z)
    spacing : array of 3, mm
    settings : Deformation, limits and standard deviation of the draws
    device : where to compute

    Returns
    -------
    Tensor (1, 3, X, Y, Z), float32, in voxels
    """
    sizes, spacing = np.asarray(shape), np.asarray(spacing, dtype=float)
    angles = rng.uniform(-settings.rotation_deg, settings.rotation_deg, 3)
    scales = 1 + rng.uniform(-settings.scale, settings.scale, 3)
    shift = rng.uniform(-settings.translation_mm, settings.translation_mm, 3)
    linear = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(scales)

    # (3, 3) and (3,): what a place in mm about the grid's center moves by, in voxels
    slope, offset = ((linear - np.eye(3)) / spacing[:, None], shift / spacing)
    centered = [(np.arange(size) - (size - 1) / 2) * step for size, step in zip(sizes, spacing, strict=True)]
    nodes = np.maximum(np.rint((sizes - 1) * spacing / settings.elastic_spacing_mm).astype(int) + 1, 2)
    values = rng.normal(0, settings.elastic_sd_mm, (3, *nodes)) / spacing[:, None, None, None]
    splines = [_spline(size, count) for size, count in zip(sizes, nodes, strict=True)]
    # all that does not depend on the first axis is small, and what is large is computed where it is needed
    planes = np.einsum("yj,zk,cijk->ciyz", *splines[1:], values, optimize=True)
    plane = slope[:, 1, None, None] * centered[1][:, None] + slope[:, 2, None, None] * centered[2]
    bases = np.concatenate([splines[0], centered[0][:, None], np.ones((sizes[0], 1))], axis=1)
    rises = np.broadcast_to(slope[:, 0, None, None, None], (3, 1, *plane.shape[1:]))
    planes = np.concatenate([planes, rises, (plane + offset[:, None, None])[:, None]], axis=1)
    basis, parts = (torch.from_numpy(each).to(device) for each in (bases, planes.reshape(3, bases.shape[1], -1)))
    return (basis @ parts).view(1, 3, *sizes.tolist()).float()


class Displacements:
    """Displacement of sample `number`, the same for all kinds of samples.

    Parameters
    ----------
    settings : SampleDeformation
    variation : Variation, or None
        What is drawn from in the place of the settings' limits and standard deviation.
    """

    def __init__(self, settings: SampleDeformation, variation: Variation | None = None) -> None:
        self.settings, self.variation = settings, variation

    def __call__(self, number: int, shape: Sequence[int], spacing: npt.ArrayLike) -> torch.Tensor:
        """A displacement (1, 3, X, Y, Z), float32, in voxels of `spacing`, mm."""
        rng = np.random.default_rng([self.settings.seed, number])
        if self.variation:
            return self.variation.displacement(rng, shape)
        return random_displacement(rng, shape, spacing, self.settings)


def deform_labels(labels: np.ndarray, displacement: torch.Tensor) -> np.ndarray:
    """Label array (X, Y, Z) sampled at x + u(x), structure by structure with linear interpolation; 0 from outside."""
    warped: np.ndarray = warp.warp_labels(torch.from_numpy(np.ascontiguousarray(labels)), displacement).numpy()
    return warped


def deform_image(image: np.ndarray, displacement: torch.Tensor) -> np.ndarray:
    """Image array (X, Y, Z) sampled at x + u(x) by a third-order B-spline, as in preprocessing; 0 from outside."""
    points = warp.identity_grid(image.shape)[0].numpy() + displacement[0].numpy()
    sampled: np.ndarray = ndimage.map_coordinates(image, points, order=3, mode="constant").astype(np.float32)
    return sampled
