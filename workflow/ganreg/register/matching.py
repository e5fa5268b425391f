"""How well a fixed image's surroundings match a moving image's at each of a set of displacements."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as functional

from ganreg.register.filters import box_mean

# brings the costs, differences of descriptors between 0 and 1, to about the size of 1
SCALE = 20
# planes that are compared at once: they stay in the processor's cache
SLAB = 4


def displacements(reach: Sequence[int]) -> list[tuple[int, ...]]:
    """Displacements (voxels) that are tried: none, and the 26 of the 3x3x3 neighborhood, as far as each of `reach`.

    Parameters
    ----------
    reach : ints, voxels

    Returns
    -------
    list of (x, y, z)
    """
    around = [direction for direction in itertools.product((-1, 0, 1), repeat=3) if any(direction)]
    return [(0, 0, 0), *(tuple(far * step for step in direction) for far in reach for direction in around)]


def _sub_grids(volume: torch.Tensor, margin: int) -> dict[tuple[int, ...], torch.Tensor]:
    """Every other voxel of a volume, edges repeated `margin` times: eight grids by their first voxel.

    A displacement meets every other voxel of the moving image; in one piece they are read many times faster.
    """
    padded = functional.pad(volume, (margin,) * 6, mode="replicate")
    return {(x, y, z): padded[:, :, x::2, y::2, z::2].contiguous() for x, y, z in itertools.product((0, 1), repeat=3)}


@torch.no_grad()
def cost_volume(fixed: torch.Tensor, moving: torch.Tensor, reach: Sequence[int]) -> torch.Tensor:
    """Mean squared difference of descriptors under each displacement, on every other voxel of the fixed image.

    MIND descriptors are alike across modalities where anatomy is, so that a network that reads costs need not learn how
    one modality appears in the other; ConvexAdam (Siebert, Hansen and Heinrich 2021) searches such a volume. The
    mean over displacements is taken off: what counts is which is the best.

    Parameters
    ----------
    fixed, moving : Tensor (B, C, X, Y, Z), as `mind.descriptors` gives them; X, Y and Z even
    reach : ints, voxels

    Returns
    -------
    Tensor (B, K, X/2, Y/2, Z/2), float32; channel k is of displacement k of `displacements`
    """
    target, margin = fixed[..., ::2, ::2, ::2].contiguous(), max(reach)
    sub_grids = _sub_grids(moving, margin)
    tried, half = displacements(reach), target.shape[2:]
    costs = target.new_empty(len(target), len(tried), *half)
    for plane in range(0, half[0], SLAB):
        slab = target[:, :, plane : plane + SLAB]
        for number, displacement in enumerate(tried):
            first = [margin + step for step in displacement]
            x, y, z = (slice(at // 2, at // 2 + size) for at, size in zip(first, half, strict=True))
            x = slice(x.start + plane, x.start + plane + slab.shape[2])
            met = sub_grids[tuple(at % 2 for at in first)][..., x, y, z]
            squares = functional.mse_loss(slab, met, reduction="none")
            torch.mean(squares, dim=1, out=costs[:, number, plane : plane + slab.shape[2]])
    for number in range(len(tried)):
        costs[:, number : number + 1] = box_mean(costs[:, number : number + 1])
    return costs.sub_(costs.mean(dim=1, keepdim=True)).mul_(SCALE)
