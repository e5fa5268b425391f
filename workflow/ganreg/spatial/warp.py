"""Warping, composition, integration and resizing of dense displacement fields, in torch."""

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as functional

Mode = Literal["bilinear", "nearest"]
Padding = Literal["zeros", "border"]

# one tensor (B, C, X, Y, Z) is sampled as at most so many items of a batch
MOST_PARTS = 8


def identity_grid(shape: Sequence[int], device: torch.device | str | None = None) -> torch.Tensor:
    """Voxel coordinates of a grid: (1, 3, X, Y, Z), float32."""
    axes = [torch.arange(size, dtype=torch.float32, device=device) for size in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def _sample(image: torch.Tensor, axes: Sequence[torch.Tensor], mode: Mode, padding: Padding) -> torch.Tensor:
    """`sample` at coordinates given as one tensor (B, U, V, W) for each axis."""
    normalized = [at * (2 / (size - 1)) - 1 for at, size in zip(axes, image.shape[2:], strict=True)]
    # grid_sample wants the fastest axis first
    grid = torch.stack(normalized[::-1], dim=-1).to(image.dtype)
    batch, *shape, _ = grid.shape
    if image.device.type != "cpu" or batch > 1:
        return functional.grid_sample(image, grid, mode=mode, padding_mode=padding, align_corners=True)
    # on a CPU, items of a batch are what torch (2.13) gives to its threads: parts of the grid pose as items
    rows, channels = shape[0] * shape[1], image.shape[1]
    parts = max(count for count in range(1, MOST_PARTS + 1) if rows % count == 0)
    grid = grid.view(parts, rows // parts, 1, shape[2], 3)
    copies = image.expand(parts, *image.shape[1:])
    sampled = functional.grid_sample(copies, grid, mode=mode, padding_mode=padding, align_corners=True)
    return sampled.transpose(0, 1).reshape(1, channels, *shape)


def sample(
    image: torch.Tensor, coordinates: torch.Tensor, mode: Mode = "bilinear", padding: Padding = "zeros"
) -> torch.Tensor:
    """Sample an image at voxel coordinates.

    Parameters
    ----------
    image : Tensor (B, C, X, Y, Z)
    coordinates : Tensor (B, 3, U, V, W)
        In voxels of `image`, channel order = axis order.
    mode : "bilinear" (trilinear) or "nearest"
    padding : "zeros" or "border"

    Returns
    -------
    Tensor (B, C, U, V, W)
    """
    return _sample(image, coordinates.unbind(dim=1), mode, padding)


def warp(
    image: torch.Tensor,
    displacement: torch.Tensor,
    mode: Mode = "bilinear",
    padding: Padding = "zeros",
    origin: Sequence[int] = (0, 0, 0),
) -> torch.Tensor:
    """Sample `image` (B, C, X, Y, Z) at x + u(x), with u = `displacement` (B, 3, U, V, W) in voxels.

    `origin` is the voxel of the image at which the displacement begins: not 0 for a displacement of a part.
    """
    axes = []
    for axis, (moved, first) in enumerate(zip(displacement.unbind(dim=1), origin, strict=True), start=1):
        places = torch.arange(moved.shape[axis], dtype=torch.float32, device=moved.device) + first
        axes.append(moved + places.view([-1 if dim == axis else 1 for dim in range(4)]))
    return _sample(image, axes, mode, padding)


def compose(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Displacement of x -> y + first(y) with y = x + second(x), so that warping by it is `first`, then `second`.

    Both are (B, 3, X, Y, Z) in voxels of one grid: warp(warp(I, first), second) = warp(I, compose(first, second)).
    """
    return second + warp(first, second, padding="border")


def integrate(velocity: torch.Tensor, steps: int = 7) -> torch.Tensor:
    """Displacement after unit time of a stationary velocity field, by scaling and squaring (Arsigny et al. 2006).

    `velocity` is (B, 3, X, Y, Z) in voxels; the error falls with `steps` as that of 2**steps Euler steps.
    """
    displacement = velocity / float(2**steps)
    for _ in range(steps):
        displacement = compose(displacement, displacement)
    return displacement


def resize(displacement: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Bring a displacement (B, 3, X, Y, Z) to another grid size, in the new grid's voxels, corners aligned."""
    old = displacement.shape[2:]
    resized = functional.interpolate(displacement, size=tuple(shape), mode="trilinear", align_corners=True)
    scale = [(new - 1) / (before - 1) for new, before in zip(shape, old, strict=True)]
    return resized * torch.tensor(scale, dtype=resized.dtype, device=resized.device).view(1, 3, 1, 1, 1)


def scale_of(affine_from: np.ndarray, affine_to: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Linear map of voxel coordinates: coordinates_from = matrix @ coordinates_to + offset, in float32 tensors."""
    matrix = torch.linalg.solve(
        torch.as_tensor(affine_from, dtype=torch.float64), torch.as_tensor(affine_to, dtype=torch.float64)
    )
    return matrix[:3, :3].float(), matrix[:3, 3].float()


def resample_displacement(
    displacement_mm: torch.Tensor, affine: np.ndarray, target_shape: Sequence[int], target_affine: np.ndarray
) -> torch.Tensor:
    """Sample a displacement given in mm (world axes) on another grid, linearly, edges extended.

    Parameters
    ----------
    displacement_mm : Tensor (1, 3, X, Y, Z)
        RAS millimeters on the grid of `affine`.
    affine : array (4, 4), mm
    target_shape : three ints
    target_affine : array (4, 4), mm

    Returns
    -------
    Tensor (1, 3, *target_shape)
        In voxels of the target grid.
    """
    matrix, offset = scale_of(affine, target_affine)
    grid = identity_grid(target_shape, displacement_mm.device)
    coordinates = torch.einsum("ij,bjxyz->bixyz", matrix, grid) + offset.view(1, 3, 1, 1, 1)
    millimeters = sample(displacement_mm, coordinates, padding="border")
    to_voxels = torch.linalg.inv(torch.as_tensor(target_affine[:3, :3], dtype=torch.float64)).float()
    return torch.einsum("ij,bjxyz->bixyz", to_voxels, millimeters)


def warp_labels(labels: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """Warp a label map structure by structure with linear interpolation, then take the largest (0 is one of them).

    The eight neighbors of a sampled point vote with their trilinear weights, which equals the arg max over warped
    one-hot maps, whatever the number of labels; on a tie the smallest label wins. Outside the grid the label is 0.

    Parameters
    ----------
    labels : Tensor (X, Y, Z), integer
    displacement : Tensor (1, 3, U, V, W), voxels of the labels' grid

    Returns
    -------
    Tensor (U, V, W), of the labels' type
    """
    # one layer of 0 around the labels, so that each point has eight neighbors
    padded = functional.pad(labels, (1, 1, 1, 1, 1, 1))
    width, height, depth = padded.shape
    place, fractions = torch.zeros((), dtype=torch.long, device=padded.device), []
    for axis, (moved, size) in enumerate(zip(displacement[0], padded.shape, strict=True)):
        places = torch.arange(moved.shape[axis], dtype=torch.float32, device=moved.device)
        position = moved + places.view([-1 if dim == axis else 1 for dim in range(3)]) + 1
        position = position.clamp(0, size - 2 + 0.999)
        base = position.floor()
        fractions.append((position - base).flatten())
        # one flat index: gathering by three is twice as slow
        place = place * size + base.long()
    place, flat = place.flatten(), padded.flatten()
    offsets = list(itertools.product((0, 1), repeat=3))
    # which voxels have neighbors of one label up to the next voxel along each axis: all around them there is nothing to
    # vote on, and they are nearly all
    mixed = torch.zeros_like(padded, dtype=torch.bool)
    first = padded[:-1, :-1, :-1]
    for x, y, z in offsets[1:]:
        mixed[:-1, :-1, :-1] |= padded[x : width - 1 + x, y : height - 1 + y, z : depth - 1 + z] != first
    result = flat[place]
    voting = mixed.flatten()[place].nonzero()[:, 0]
    place = place[voting]
    corners = torch.stack([flat[place + (x * height + y) * depth + z] for x, y, z in offsets])
    upper = torch.stack([fraction[voting] for fraction in fractions])
    shares = torch.stack([1 - upper, upper])
    weights = torch.stack([shares[x, 0] * shares[y, 1] * shares[z, 2] for x, y, z in offsets])
    votes = torch.stack([(weights * (corners == candidate)).sum(dim=0) for candidate in corners])
    leading = votes >= votes.max(dim=0).values - 1e-6
    result[voting] = corners.masked_fill(~leading, torch.iinfo(labels.dtype).max).min(dim=0).values
    return result.reshape(displacement.shape[2:])
