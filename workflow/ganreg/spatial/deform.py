"""Random affine and elastic deformation of label maps, and of images with them.

The elastic part is a tensor-product cubic spline through random displacements at the nodes of a regular grid.
"""

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.spatial import warp


def _spline(size, nodes):
    """Values (size, nodes) of the cardinal cubic splines of `nodes` nodes, the outer ones at both ends of an axis."""
    at = np.linspace(0, nodes - 1, size)[None]
    unit = np.eye(nodes)
    return np.stack([ndimage.map_coordinates(each, at, order=3, mode="nearest") for each in unit], axis=1)


def random_displacement(rng, shape, spacing, options):
    """Draw a displacement.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (X, Y, Z)
    spacing : array of 3, mm
    options : dict, block `deformation`
        `rotation_deg`, `scale` (fraction) and `translation_mm`: limits of uniform draws, about and along each axis;
        `elastic_spacing_mm`: distance of the nodes, about; `elastic_sd_mm`: standard deviation at the nodes.

    Returns
    -------
    Tensor (1, 3, X, Y, Z), float32, in voxels
    """
    shape, spacing = np.asarray(shape), np.asarray(spacing, dtype=float)
    angles = rng.uniform(-options["rotation_deg"], options["rotation_deg"], 3)
    scales = 1 + rng.uniform(-options["scale"], options["scale"], 3)
    shift = rng.uniform(-options["translation_mm"], options["translation_mm"], 3)
    linear = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(scales)

    grid = warp.identity_grid(shape.tolist())[0].numpy().reshape(3, -1)
    centred = (grid - ((shape - 1) / 2)[:, None]) * spacing[:, None]
    affine_mm = (linear @ centred - centred + shift[:, None]).reshape(3, *shape)

    nodes = np.maximum(np.rint((shape - 1) * spacing / options["elastic_spacing_mm"]).astype(int) + 1, 2)
    values = rng.normal(0, options["elastic_sd_mm"], (3, *nodes))
    splines = [_spline(size, count) for size, count in zip(shape, nodes, strict=True)]
    elastic_mm = np.einsum("xi,yj,zk,cijk->cxyz", *splines, values, optimize=True)
    voxels = (affine_mm + elastic_mm) / spacing[:, None, None, None]
    return torch.from_numpy(voxels.astype(np.float32))[None]


def deform_labels(labels, displacement):
    """Label array (X, Y, Z) sampled at x + u(x), structure by structure with linear interpolation; 0 from outside."""
    return warp.warp_labels(torch.from_numpy(np.ascontiguousarray(labels)), displacement).numpy()


def deform_image(image, displacement):
    """Image array (X, Y, Z) sampled at x + u(x) by a third-order B-spline, as in preprocessing; 0 from outside."""
    points = warp.identity_grid(image.shape)[0].numpy() + displacement[0].numpy()
    return ndimage.map_coordinates(image, points, order=3, mode="constant").astype(np.float32)
