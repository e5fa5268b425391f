"""Regularity of a displacement field: Jacobian determinants, folding, non-diffeomorphic volume."""

import itertools

import torch


def _difference(field, axis, side):
    """One-sided difference along a spatial axis: +1 forward, -1 backward; the far edge repeats its neighbour."""
    steps = field.diff(dim=axis)
    edge = steps.narrow(axis, steps.shape[axis] - 1 if side > 0 else 0, 1)
    return torch.cat([steps, edge] if side > 0 else [edge, steps], dim=axis)


def _triple_product(a, b, c):
    """a . (b x c) of vectors along dimension 1; many times faster than `torch.linalg.det` of small matrices."""
    (a0, a1, a2), (b0, b1, b2), (c0, c1, c2) = a.unbind(1), b.unbind(1), c.unbind(1)
    return a0 * (b1 * c2 - b2 * c1) + a1 * (b2 * c0 - b0 * c2) + a2 * (b0 * c1 - b1 * c0)


def jacobian_determinant(displacement, scheme):
    """Jacobian determinant of x + u(x), with u = `displacement` (B, 3, X, Y, Z) in voxels.

    Parameters
    ----------
    scheme : "forward" or "central"
        Central differences do not see folding at the scale of one voxel (Liu et al. 2024).

    Returns
    -------
    Tensor (B, X, Y, Z)
    """
    if scheme == "forward":
        gradients = [_difference(displacement, axis, +1) for axis in (2, 3, 4)]
    elif scheme == "central":
        gradients = [(_difference(displacement, a, +1) + _difference(displacement, a, -1)) / 2 for a in (2, 3, 4)]
    else:
        raise ValueError(f"scheme: expected forward or central, found {scheme}")
    axes = torch.eye(3, dtype=displacement.dtype, device=displacement.device).view(3, 1, 3, 1, 1, 1)
    return _triple_product(*(gradient + axis for gradient, axis in zip(gradients, axes, strict=True)))


def _signed_volume(corners):
    """Signed volume of tetrahedra with four corners (B, 3, ...) each, in voxels; positive for the identity."""
    origin, *others = corners
    return _triple_product(*(corner - origin for corner in others)) / 6


def _orient(tetrahedron):
    """Order the four corners so that the undeformed volume is positive."""
    origin, *others = torch.tensor(tetrahedron, dtype=torch.float64)
    if torch.linalg.det(torch.stack([corner - origin for corner in others])) < 0:
        return (tetrahedron[0], tetrahedron[2], tetrahedron[1], tetrahedron[3])
    return tetrahedron


def _decompositions():
    """The two ways to cut a cube into five tetrahedra: four at alternate corners and one between them."""
    ways = []
    for parity in (0, 1):
        even = [c for c in itertools.product((0, 1), repeat=3) if sum(c) % 2 == parity]
        odd = [c for c in itertools.product((0, 1), repeat=3) if sum(c) % 2 != parity]
        around = [
            (corner, *[near for near in even if sum(abs(a - b) for a, b in zip(corner, near, strict=True)) == 1])
            for corner in odd
        ]
        ways.append([_orient(tetrahedron) for tetrahedron in [*around, tuple(even)]])
    return ways


def non_diffeomorphic_volume(displacement):
    """Volume that folds, per cell of eight voxel centres (Liu et al. 2024).

    Each cell is cut into five tetrahedra in two ways; the volume of those turned inside out is averaged over both.

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
    total = 0
    for way in _decompositions():
        for tetrahedron in way:
            total = total + (-_signed_volume([corner[c] for c in tetrahedron])).clamp(min=0)
    return total / 2
