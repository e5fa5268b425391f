"""How well a fixed image's surroundings match a moving image's at each of a set of displacements."""

import itertools

import torch
import torch.nn.functional as functional

from ganreg.register.losses import box_mean, mind

# brings the costs, differences of descriptors between 0 and 1, to about the size of 1
SCALE = 20


def displacements(reach):
    """Displacements (voxels) that are tried: none, and the 26 of the 3x3x3 neighbourhood, as far as each of `reach`.

    Parameters
    ----------
    reach : list of ints, voxels

    Returns
    -------
    list of (x, y, z)
    """
    around = [direction for direction in itertools.product((-1, 0, 1), repeat=3) if any(direction)]
    return [(0, 0, 0), *(tuple(far * step for step in direction) for far in reach for direction in around)]


@torch.no_grad()
def cost_volume(fixed, moving, reach):
    """Mean squared difference of MIND descriptors under each displacement, on every other voxel of the fixed image.

    Descriptors are alike across modalities where anatomy is, so that a network that reads costs has not to learn how
    one modality looks in the other; ConvexAdam (Siebert, Hansen and Heinrich 2021) searches such a volume. The mean
    over displacements is taken off: what counts is which is the best.

    Parameters
    ----------
    fixed, moving : Tensor (B, 1, X, Y, Z), sides even
    reach : list of ints, voxels

    Returns
    -------
    Tensor (B, K, X/2, Y/2, Z/2), float32; channel k is of displacement k of `displacements`
    """
    fixed, moving = fixed.float(), moving.float()
    target, margin = mind(fixed)[..., ::2, ::2, ::2], max(reach)
    padded = functional.pad(mind(moving), (margin,) * 6, mode="replicate")
    costs = []
    for displacement in displacements(reach):
        window = [slice(margin + d, margin + d + n, 2) for d, n in zip(displacement, fixed.shape[2:], strict=True)]
        costs.append((target - padded[(..., *window)]).square().mean(dim=1))
    costs = box_mean(torch.stack(costs, dim=1))
    return SCALE * (costs - costs.mean(dim=1, keepdim=True))
