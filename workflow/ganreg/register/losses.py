"""Terms of the registration loss (the paper's Eq. 4 to 7) as stateless functions."""

import itertools

import torch
import torch.nn.functional as functional

from ganreg.preprocess.normalize import SHIFT

NEIGHBOURS = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
# voxels: a neighbour's, and its patch's
PATCH_REACH = 2
# pairs of neighbours at distance sqrt(2)
SELF_SIMILARITY_PAIRS = [
    (a, b)
    for a, b in itertools.combinations(NEIGHBOURS, 2)
    if sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) == 2
]


def box_mean(image):
    """Mean over 3x3x3 voxels of an image (B, C, X, Y, Z), edges repeated; on a CPU faster than pooling."""
    total = functional.pad(image, (1, 1, 1, 1, 1, 1), mode="replicate")
    for axis in (4, 3, 2):
        size = total.shape[axis] - 2
        first, second, third = (total.narrow(axis, start, size) for start in range(3))
        total = (first + second).add_(third)
    return total.div_(27)


def patch_distances(image):
    """What `mind` is made of: mean squared differences of patches around pairs of neighbours, the least taken off.

    Parameters
    ----------
    image : Tensor (B, 1, X, Y, Z)

    Returns
    -------
    Tensor (B, 12, X, Y, Z); a voxel's values depend on the voxels within `PATCH_REACH` of it, edges repeated.
    """
    padded = functional.pad(image, (1, 1, 1, 1, 1, 1), mode="replicate")
    neighbours = {
        offset: padded[(..., *(slice(1 + o, 1 + o + n) for o, n in zip(offset, image.shape[2:], strict=True)))]
        for offset in NEIGHBOURS
    }
    # one pair after the other: twelve at once leave the processor's cache
    distance = torch.cat([box_mean((neighbours[a] - neighbours[b]).square()) for a, b in SELF_SIMILARITY_PAIRS], dim=1)
    return distance - distance.amin(dim=1, keepdim=True)


def descriptor(distance, variance, typical):
    """MIND from patch distances (B, 12, X, Y, Z), their mean over pairs, and the mean of that over the image."""
    # flat regions such as the background would divide by 0
    variance = torch.minimum(torch.maximum(variance, typical * 1e-3), typical * 1e3)
    return (distance / -variance.clamp(min=1e-12)).exp_()


def mind(image):
    """Modality-independent neighbourhood descriptor with self-similarity context (Heinrich et al. 2013).

    doi:10.1007/978-3-642-40811-3_24; patches of 3x3x3 voxels, neighbours at distance 1.

    Parameters
    ----------
    image : Tensor (B, 1, X, Y, Z)

    Returns
    -------
    Tensor (B, 12, X, Y, Z), between 0 and 1
    """
    distance = patch_distances(image)
    variance = distance.mean(dim=1, keepdim=True)
    return descriptor(distance, variance, variance.mean(dim=(1, 2, 3, 4), keepdim=True).detach())


def similarity_loss(name):
    """Similarity term by name, a function of warped and fixed (B, 1, X, Y, Z) and the fixed mask; lower is better.

    mind: mean squared difference of descriptors inside the mask. mi: negative mutual information. ncc: negative squared
    local cross-correlation in windows of 9 voxels. mse: mean squared difference inside the mask.
    """
    if name in ("mi", "ncc"):
        # costs seconds to import
        from monai.losses import GlobalMutualInformationLoss, LocalNormalizedCrossCorrelationLoss
    if name == "mi":
        loss = GlobalMutualInformationLoss(num_bins=32)
        # the bins span 0 to 1
        return lambda warped, fixed, mask: loss(_unit_range(warped), _unit_range(fixed))
    if name == "ncc":
        loss = LocalNormalizedCrossCorrelationLoss(spatial_dims=3, kernel_size=9)
        return lambda warped, fixed, mask: loss(warped, fixed)
    read = mind if name == "mind" else lambda image: image

    def loss(warped, fixed, mask):
        squares = (read(warped) - read(fixed)).square().mean(dim=1, keepdim=True)
        return (squares * mask).sum() / mask.sum()

    return loss


def _unit_range(image):
    """Preprocessed grey values, 0 to twice `normalize.SHIFT`, brought to 0 ... 1."""
    return (image / (2 * SHIFT)).clamp(0, 1)


def diffusion(displacement):
    """Mean squared forward difference of a displacement (B, 3, X, Y, Z) in voxels (Eq. 5)."""
    return sum(displacement.diff(dim=axis).square().mean() for axis in (2, 3, 4)) / 3


def bending_energy(displacement):
    """Mean squared second difference, mixed ones twice, of a displacement (B, 3, X, Y, Z) in voxels (Eq. 6)."""
    total = 0
    for first, second in itertools.product((2, 3, 4), repeat=2):
        total = total + displacement.diff(dim=first).diff(dim=second).square().mean()
    return total / 9
