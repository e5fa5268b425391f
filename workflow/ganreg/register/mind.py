"""MIND, the modality-independent neighborhood descriptor, and the distance of images by it.

With self-similarity context (Heinrich et al. 2013, doi:10.1007/978-3-642-40811-3_24): around each voxel, patches of
3x3x3 voxels at its six neighbors are compared with each other, those at distance sqrt(2): twelve pairs.
"""

import itertools
from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import torch
import torch.nn.functional as functional

from ganreg.register.filters import box_sum

# voxels: a descriptor depends on what is so near, its voxel's neighbors and their patches
REACH = 2
# squared gray values, of which a brain has deviation 1: patches that differ less from those around them are flat
FLAT = 5e-4

Offset = tuple[int, ...]
Part = tuple[EllipsisType | slice, ...]


def _self_similarity() -> dict[Offset, list[Offset]]:
    """The twelve pairs of neighbors at distance sqrt(2): {offset from first to second: the first ones}."""
    neighbors = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    pairs: dict[Offset, list[Offset]] = {}
    for one, other in itertools.combinations(neighbors, 2):
        first, offset = one, tuple(b - a for a, b in zip(one, other, strict=True))
        if sum(step * step for step in offset) == 2:
            # offsets and their opposites are one
            if offset < (0, 0, 0):
                first, offset = other, tuple(-step for step in offset)
            pairs.setdefault(offset, []).append(first)
    return pairs


SELF_SIMILARITY = _self_similarity()


def _apart(padded: torch.Tensor, offset: Offset) -> tuple[Part, Part]:
    """Two parts of a padded image, of one shape: the second lies at an offset from the first."""
    first = [slice(max(0, -step), size - max(0, step)) for step, size in zip(offset, padded.shape[2:], strict=True)]
    second = [slice(at.start + step, at.stop + step) for step, at in zip(offset, first, strict=True)]
    return (..., *first), (..., *second)


def _of_voxels(offset: Offset, neighbor: Offset, shape: Sequence[int]) -> Part:
    """Among the patches of the parts `_apart`: those whose first patch is at a certain neighbor of each voxel."""
    starts = [1 + at - max(0, -step) for at, step in zip(neighbor, offset, strict=True)]
    return (..., *(slice(start, start + size) for start, size in zip(starts, shape, strict=True)))


def _patch_distances(padded: torch.Tensor) -> torch.Tensor:
    """Mean squared differences of patches (B, 12, X, Y, Z) of an image padded by `REACH`."""
    shape = [size - 2 * REACH for size in padded.shape[2:]]
    distances: list[torch.Tensor] = []
    for offset, neighbors in SELF_SIMILARITY.items():
        first, second = _apart(padded, offset)
        patches = box_sum((padded[first] - padded[second]).square_()).div_(27)
        distances.extend(patches[_of_voxels(offset, neighbor, shape)] for neighbor in neighbors)
    return torch.cat(distances, dim=1)


def descriptors(image: torch.Tensor) -> torch.Tensor:
    """Descriptors of an image, edges repeated; without a gradient, which `distance` has.

    Parameters
    ----------
    image : Tensor (B, 1, X, Y, Z)

    Returns
    -------
    Tensor (B, 12, X, Y, Z), between 0 and 1
    """
    with torch.no_grad():
        distance = _patch_distances(functional.pad(image, (REACH,) * 6, mode="replicate"))
        distance -= distance.amin(dim=1, keepdim=True)
        return (distance / -distance.mean(dim=1, keepdim=True).clamp(min=FLAT)).exp_()


class _Distance(torch.autograd.Function):
    """`distance`, with the gradient worked out by hand.

    Automatic differentiation of the two dozen shifted copies takes four times as long.
    """

    @staticmethod
    def forward(
        ctx: Any, padded: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`padded` image (B, 1, ...) by `REACH`, `target` (B, 12, X, Y, Z), `weight` (B, 1, X, Y, Z)."""
        distance = _patch_distances(padded)
        least, nearest = distance.min(dim=1, keepdim=True)
        distance -= least
        mean = distance.mean(dim=1, keepdim=True)
        variance = mean.clamp(min=FLAT)
        descriptor = (distance / -variance).exp_()
        difference = descriptor - target
        weight = weight / (weight.sum() * len(target[0]))
        if ctx.needs_input_grad[0]:
            # of the distances: through the exponent, the variance (their mean) and the least of them
            gradient = (difference * descriptor).mul_(-2 * weight / variance)
            of_mean = (gradient * distance).mean(dim=1, keepdim=True).div_(variance) * (mean > FLAT)
            gradient -= of_mean
            gradient.scatter_add_(1, nearest, -gradient.sum(dim=1, keepdim=True))
            ctx.save_for_backward(padded, gradient)
        ctx.mark_non_differentiable(descriptor)
        return difference.square_().mul_(weight).sum(), descriptor

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, factor: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        padded, gradient = ctx.saved_tensors
        shape, result, channels = gradient.shape[2:], torch.zeros_like(padded), iter(gradient.split(1, dim=1))
        for offset, neighbors in SELF_SIMILARITY.items():
            first, second = _apart(padded, offset)
            difference = padded[first] - padded[second]
            # of the patches' sums, with the two voxels around that the sums' gradient wants
            patches = functional.pad(torch.zeros_like(difference[..., 1:-1, 1:-1, 1:-1]), (2,) * 6)
            inside = patches[..., 2:-2, 2:-2, 2:-2]
            for neighbor in neighbors:
                inside[_of_voxels(offset, neighbor, shape)] += next(channels)
            moved = box_sum(patches).mul_(difference).mul_(2 / 27 * factor)
            result[first] += moved
            result[second] -= moved
        return result, None, None


def distance(warped: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared difference of an image's descriptors from given ones, inside a mask.

    Parameters
    ----------
    warped : Tensor (B, 1, X, Y, Z)
    target : Tensor (B, 12, X, Y, Z), of `descriptors`
    mask : Tensor (B, 1, X, Y, Z)

    Returns
    -------
    (distance, with its gradient; `descriptors(warped)`, without one)
    """
    return _Distance.apply(functional.pad(warped, (REACH,) * 6, mode="replicate"), target, mask)
