"""Terms of the registration loss beside the similarity (the paper's Eq. 5 to 7) as stateless functions."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as functional


def _linear_parts(
    displacement: torch.Tensor, origin: Sequence[int], shape: Sequence[int]
) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
    """Where the points of a displacement lie in a volume that is padded by one voxel.

    Parameters
    ----------
    displacement : Tensor (3, X, Y, Z), voxels
    origin : the voxel of the volume at which it begins
    shape : of the padded volume

    Returns
    -------
    corners : Tensor (X * Y * Z,), flat index of the first of the eight voxels around each point
    shares : for each axis the weights (X * Y * Z,) of the lower and of the upper voxel
    """
    corners, shares = torch.zeros((), dtype=torch.long, device=displacement.device), []
    for axis, (moved, first) in enumerate(zip(displacement, origin, strict=True)):
        size = shape[axis]
        places = torch.arange(moved.shape[axis], dtype=torch.float32, device=moved.device) + first + 1
        places = (moved + places.view([-1 if dim == axis else 1 for dim in range(3)])).clamp(0, size - 1).flatten()
        lower = places.detach().floor().clamp(max=size - 2)
        corners = corners * size + lower.long()
        shares.append((1 - (places - lower), places - lower))
    return corners, shares


def warped_dice_loss(
    moving: torch.Tensor,
    fixed: torch.Tensor,
    displacement: torch.Tensor,
    origin: Sequence[int],
    structures: torch.Tensor,
) -> torch.Tensor:
    """1 - mean soft Dice of structures, each warped linearly, over those present in either label map; 0 where none is.

    That of `segment.losses.soft_dice_loss` on one-hot volumes that are warped one by one, but in the time that two or
    three of them take, however many structures there are: each corner that a voxel lies between has one label.

    Parameters
    ----------
    moving : Tensor (1, 1, U, V, W), labels
    fixed : Tensor (1, 1, X, Y, Z), labels
    displacement : Tensor (1, 3, X, Y, Z), voxels
    origin : the voxel of `moving` at which `fixed` and the displacement begin
    structures : Tensor (K,), label numbers
    """
    count = len(structures)
    # all labels that are not asked for are one more structure
    rank_of = torch.full((int(max(moving.max(), fixed.max(), structures.max())) + 1,), count, device=moving.device)
    rank_of[structures.to(moving.device)] = torch.arange(count, device=moving.device)
    # around the moving labels there is nothing
    padded = functional.pad(rank_of[moving[0, 0].long()], (1,) * 6, value=count)
    wanted = rank_of[fixed[0, 0].long()].flatten()
    corners, shares = _linear_parts(displacement[0], origin, padded.shape)
    ranks, strides = padded.flatten(), padded.stride()
    volume = torch.bincount(wanted, minlength=count + 1).float()
    overlap = torch.zeros_like(volume)
    for corner in itertools.product((0, 1), repeat=3):
        share = shares[0][corner[0]] * shares[1][corner[1]] * shares[2][corner[2]]
        rank = ranks[corners + sum(step * stride for step, stride in zip(corner, strides, strict=True))]
        volume = volume.index_add(0, rank, share)
        overlap = overlap.index_add(0, rank, share * (rank == wanted))
    volume, overlap = volume[:count], overlap[:count]
    present = volume > 0
    return (1 - 2 * overlap[present] / volume[present]).sum() / present.sum().clamp(min=1)


def diffusion(displacement: torch.Tensor) -> torch.Tensor:
    """Mean squared forward difference of a displacement (B, 3, X, Y, Z) in voxels (Eq. 5)."""
    x, y, z = (displacement.diff(dim=axis).square().mean() for axis in (2, 3, 4))
    return (x + y + z) / 3


def bending_energy(displacement: torch.Tensor) -> torch.Tensor:
    """Mean squared second difference, mixed ones twice, of a displacement (B, 3, X, Y, Z) in voxels (Eq. 6)."""
    total = displacement.new_zeros(())
    for first, second in itertools.product((2, 3, 4), repeat=2):
        total = total + displacement.diff(dim=first).diff(dim=second).square().mean()
    return total / 9


def displacement_error(displacement: torch.Tensor, known: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of two displacements (B, 3, X, Y, Z) in voxels inside a mask (B, 1, X, Y, Z)."""
    return ((displacement - known).square() * mask).sum() / (3 * mask.sum())
