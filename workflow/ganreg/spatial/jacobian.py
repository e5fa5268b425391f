"""Regularity of a displacement field: Jacobian determinants, folding, non-diffeomorphic volume."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal

import torch

Corner = tuple[int, ...]


def _difference(field: torch.Tensor, axis: int, *, forward: bool) -> torch.Tensor:
    """One-sided difference along a spatial axis; the last voxel in that direction repeats its neighbor's."""
    steps = field.diff(dim=axis)
    edge = steps.narrow(axis, steps.shape[axis] - 1 if forward else 0, 1)
    return torch.cat([steps, edge] if forward else [edge, steps], dim=axis)


def _triple_product(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """a . (b x c) of vectors along dimension 1; many times faster than `torch.linalg.det` of small matrices."""
    (a0, a1, a2), (b0, b1, b2), (c0, c1, c2) = a.unbind(1), b.unbind(1), c.unbind(1)
    return a0 * (b1 * c2 - b2 * c1) + a1 * (b2 * c0 - b0 * c2) + a2 * (b0 * c1 - b1 * c0)


def jacobian_determinant(displacement: torch.Tensor, scheme: Literal["forward", "central"]) -> torch.Tensor:
    """Jacobian determinant of x + u(x), with u = `displacement` (B, 3, X, Y, Z) in voxels.

    Parameters
    ----------
    displacement : Tensor (B, 3, X, Y, Z), voxels
    scheme : "forward" or "central"
        Central differences do not see folding at the scale of one voxel (Liu et al. 2024).

    Returns
    -------
    Tensor (B, X, Y, Z)

    Raises
    ------
    ValueError
        If the scheme is unknown.
    """
    if scheme == "forward":
        gradients = [_difference(displacement, axis, forward=True) for axis in (2, 3, 4)]
    elif scheme == "central":
        gradients = [
            (_difference(displacement, axis, forward=True) + _difference(displacement, axis, forward=False)) / 2
            for axis in (2, 3, 4)
        ]
    else:
        raise ValueError(f"scheme: expected forward or central, found {scheme}")
    axes = torch.eye(3, dtype=displacement.dtype, device=displacement.device).view(3, 1, 3, 1, 1, 1)
    x, y, z = (gradient + axis for gradient, axis in zip(gradients, axes, strict=True))
    return _triple_product(x, y, z)


def _signed_volume(corners: Sequence[torch.Tensor]) -> torch.Tensor:
    """Signed volume of tetrahedra with four corners (B, 3, ...) each, in voxels; positive for the identity."""
    origin, first, second, third = corners
    return _triple_product(first - origin, second - origin, third - origin) / 6


def _orient(tetrahedron: Sequence[Corner]) -> tuple[Corner, ...]:
    """Order the four corners so that the undeformed volume is positive."""
    origin, *others = torch.tensor(tetrahedron, dtype=torch.float64)
    if torch.linalg.det(torch.stack([corner - origin for corner in others])) < 0:
        return (tetrahedron[0], tetrahedron[2], tetrahedron[1], tetrahedron[3])
    return tuple(tetrahedron)


def _decompositions() -> Iterator[list[tuple[Corner, ...]]]:
    """Both decompositions of a cube into five tetrahedra: four at alternate corners and one between them."""
    for parity in (0, 1):
        even = [c for c in itertools.product((0, 1), repeat=3) if sum(c) % 2 == parity]
        odd = [c for c in itertools.product((0, 1), repeat=3) if sum(c) % 2 != parity]
        around = [
            (corner, *[near for near in even if sum(abs(a - b) for a, b in zip(corner, near, strict=True)) == 1])
            for corner in odd
        ]
        yield [_orient(tetrahedron) for tetrahedron in [*around, tuple(even)]]


def non_diffeomorphic_volume(displacement: torch.Tensor) -> torch.Tensor:
    """Volume that folds, per cell of eight voxel centers (Liu et al. 2024).

    Each cell is cut into five tetrahedra, in both possible decompositions; the volume of those turned inside out is
    averaged over both.

    Parameters
    ----------
    displacement : Tensor (B, 3, X, Y, Z), voxels

    Returns
    -------
    Tensor (B, X - 1, Y - 1, Z - 1), in voxels, 0 or more; the undeformed cell has volume 1.
    """
    axes = [torch.arange(size, dtype=displacement.dtype, device=displacement.device) for size in displacement.shape[2:]]
    position = displacement + torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]
    sizes = [size - 1 for size in displacement.shape[2:]]
    corner = {
        c: position[(slice(None), slice(None), *(slice(o, o + n) for o, n in zip(c, sizes, strict=True)))]
        for c in itertools.product((0, 1), repeat=3)
    }
    total = torch.zeros_like(position[:, 0, 1:, 1:, 1:])
    for tetrahedra in _decompositions():
        for tetrahedron in tetrahedra:
            total = total + (-_signed_volume([corner[c] for c in tetrahedron])).clamp(min=0)
    return total / 2
