"""Similarity terms of the registration loss (the paper's Eq. 4), by name.

A term is a function of a fixed image and a mask (B, 1, X, Y, Z) that gives a function of the warped image, lower is
better: what depends on the fixed image alone is computed once. A new term is a function here, and its name in `NAMES`
and `TERMS`. Settings name the terms, and are read where PyTorch may be missing: functions import what they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    Loss = Callable[[torch.Tensor], torch.Tensor]

# what settings may say; apart from the functions, so that settings do not change with these
NAMES = ("mind", "mi", "ncc", "mse")
# of the histogram of mutual information, along each axis
BINS = 32


def mind_distance(fixed: torch.Tensor, mask: torch.Tensor) -> Loss:
    """Mean squared difference of MIND descriptors inside the mask."""
    from ganreg.register import mind

    target = mind.descriptors(fixed)
    return lambda warped: mind.distance(warped, target, mask)[0]


def negative_mutual_information(fixed: torch.Tensor, mask: torch.Tensor) -> Loss:
    """Minus the mutual information inside the mask, in nats, of a joint histogram.

    A warped voxel counts in the two bins that it lies between, by its nearness to each (a Parzen window of order 1;
    Mattes et al. 2003, doi:10.1109/TMI.2003.809072, take order 3), and so has a gradient.
    """
    from ganreg.volumes.normalize import SHIFT

    def bins_of(values: torch.Tensor) -> torch.Tensor:
        """Preprocessed gray values, 0 to twice `SHIFT`, as places among the bins."""
        return (values / (2 * SHIFT)).clamp(0, 1 - 1e-6) * (BINS - 1)

    inside = mask > 0
    rows = BINS * bins_of(fixed[inside]).round().long()

    def loss(warped: torch.Tensor) -> torch.Tensor:
        places = bins_of(warped[inside])
        lower = places.detach().floor()
        share, columns = places - lower, lower.long()
        joint = places.new_zeros(BINS * BINS)
        joint = joint.index_add(0, rows + columns, 1 - share).index_add(0, rows + columns + 1, share)
        joint = joint.view(BINS, BINS) / len(places)
        independent = joint.sum(dim=0, keepdim=True) * joint.sum(dim=1, keepdim=True)
        return -(joint * ((joint + 1e-8) / (independent + 1e-8)).log()).sum()

    return loss


def negative_cross_correlation(fixed: torch.Tensor, _mask: torch.Tensor) -> Loss:
    """Minus the squared local cross-correlation in windows of 9 voxels, of the whole images."""
    from monai.losses import LocalNormalizedCrossCorrelationLoss

    loss = LocalNormalizedCrossCorrelationLoss(spatial_dims=3, kernel_size=9)
    return lambda warped: loss(warped, fixed)


def mean_squares(fixed: torch.Tensor, mask: torch.Tensor) -> Loss:
    """Mean squared difference inside the mask."""
    return lambda warped: ((warped - fixed).square() * mask).sum() / mask.sum()


TERMS = {
    "mind": mind_distance,
    "mi": negative_mutual_information,
    "ncc": negative_cross_correlation,
    "mse": mean_squares,
}
