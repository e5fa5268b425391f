"""Random fields of the embedded cohort: noise, velocities of anatomy, and the displacements that follow from them."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from scipy import fft, ndimage

from ganreg.simulate.settings import Growth, Scale
from ganreg.spatial import warp

SPACING_MM = 2.0


def gaussian_random_field(rng: np.random.Generator, shape: Sequence[int], smoothness_voxels: float) -> np.ndarray:
    """Gaussian random field of mean 0 and standard deviation 1 on a periodic grid, by smoothing white noise."""
    noise = rng.standard_normal(shape).astype(np.float32)
    field = ndimage.gaussian_filter(noise, smoothness_voxels, mode="wrap")
    return (field - field.mean(dtype=np.float64)) / field.std(dtype=np.float64)


def multiscale(rng: np.random.Generator, shape: Sequence[int], spacing: float, scales: Sequence[Scale]) -> np.ndarray:
    """Sum of Gaussian random fields."""
    fields = (s.sd * gaussian_random_field(rng, shape, s.smoothness_mm / spacing) for s in scales)
    return sum(fields, start=np.zeros(()))


def coarse_grid(shape: Sequence[int], affine: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    """A coarser grid over the same box: shape and affine at `SPACING_MM`."""
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    coarse_shape = tuple(int(np.ceil((n - 1) * v / SPACING_MM)) + 1 for n, v in zip(shape, voxel, strict=True))
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] / voxel * SPACING_MM
    return coarse_shape, coarse


def pull(data: np.ndarray, affine: np.ndarray, shape: Sequence[int], target_affine: np.ndarray) -> np.ndarray:
    """Resample an array linearly onto another grid in world space."""
    matrix, offset = warp.scale_of(affine, target_affine)
    coordinates = torch.einsum("ij,bjxyz->bixyz", matrix, warp.identity_grid(shape)) + offset.view(1, 3, 1, 1, 1)
    return warp.sample(torch.from_numpy(np.ascontiguousarray(data))[None, None], coordinates)[0, 0].numpy()


def compressed(velocity: np.ndarray, share: float) -> np.ndarray:
    """A velocity of which a share of the divergent part is left; the other part is raised to make up for it.

    Parts as of Helmholtz's decomposition on a periodic grid. Three components that are independent noise have a third
    of their variance in the divergent part.

    Parameters
    ----------
    velocity : array (3, X, Y, Z), of one spacing along all axes
    share : float, 0 to 1

    Returns
    -------
    array (3, X, Y, Z), of the variance that independent components had
    """
    if share == 1:
        return velocity
    shape = velocity.shape[1:]
    frequencies = np.meshgrid(*map(np.fft.fftfreq, shape[:2]), np.fft.rfftfreq(shape[2]), indexing="ij")
    wave = np.stack(frequencies)
    squared = (wave**2).sum(axis=0)
    squared[0, 0, 0] = 1
    spectrum = fft.rfftn(velocity, axes=(1, 2, 3))
    divergent = wave * ((wave * spectrum).sum(axis=0) / squared)
    left = fft.irfftn(spectrum - (1 - share) * divergent, s=shape, axes=(1, 2, 3))
    return left / np.sqrt((2 + share**2) / 3)


def random_velocity(
    rng: np.random.Generator, shape: Sequence[int], scales: Sequence[Scale], compressibility: float
) -> np.ndarray:
    """Random velocity (3, X, Y, Z) in mm on the field grid."""
    fields = np.stack([multiscale(rng, shape, SPACING_MM, scales) for _ in range(3)])
    return compressed(fields, compressibility)


def growth_velocity(
    rng: np.random.Generator, labels: np.ndarray, affine: np.ndarray, growths: Sequence[Growth]
) -> np.ndarray:
    """Velocity (3, X, Y, Z) in mm on the field grid by which structures grow or shrink.

    Each is the gradient of the smoothed structure, so that it ends with the structure's own surroundings, times an
    amount that is drawn. It points inwards where a subject's structure is larger than the template's: it leads from
    places in the subject to places in the template.

    Parameters
    ----------
    rng : numpy.random.Generator
    labels : int array (X, Y, Z), the template's
    affine : array (4, 4), mm, of the labels
    growths : sequence of Growth
    """
    # the template's axes are those of the world
    shape, grid = coarse_grid(labels.shape, affine)
    velocity = np.zeros((3, *shape))
    for growth in growths:
        amount = rng.normal(growth.mean, growth.sd)
        structure = pull(np.isin(labels, growth.labels).astype(np.float32), affine, shape, grid)
        smooth = ndimage.gaussian_filter(structure, growth.smoothness_mm / SPACING_MM)
        inwards = np.stack(np.gradient(smooth))
        steepest = np.linalg.norm(inwards, axis=0).max()
        if steepest > 0:
            velocity += amount / steepest * inwards
    return velocity


def exponential(velocity: np.ndarray) -> np.ndarray:
    """Displacement in mm after unit time of a velocity (3, X, Y, Z) in mm on the field grid."""
    tensor = torch.from_numpy((velocity / SPACING_MM).astype(np.float32))[None]
    return warp.integrate(tensor, steps=7)[0].numpy() * SPACING_MM


def composed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Displacement in mm of `first` after `second`, both (3, X, Y, Z) in mm on the field grid."""
    tensors = [torch.from_numpy((field / SPACING_MM).astype(np.float32))[None] for field in (first, second)]
    return warp.compose(*tensors)[0].numpy() * SPACING_MM


def to_voxels(field: np.ndarray, affine: np.ndarray, shape: Sequence[int]) -> torch.Tensor:
    """A displacement in mm on the field grid as one (1, 3, X, Y, Z) in voxels of the template's grid."""
    voxel = np.linalg.norm(affine[:3, 0])
    # both grids begin at one corner, and the spacings' ratio is whole
    fine = [round((size - 1) * SPACING_MM / voxel) + 1 for size in field.shape[1:]]
    tensor = functional.interpolate(torch.from_numpy(field)[None], fine, mode="trilinear", align_corners=True)
    to_axes = torch.from_numpy(np.linalg.inv(affine[:3, :3])).float()
    return torch.einsum("ij,bjxyz->bixyz", to_axes, tensor[..., : shape[0], : shape[1], : shape[2]])
