"""Filters of images over 3x3x3 voxels: sums, means, and sharpening."""

import torch
import torch.nn.functional as functional


def box_sum(image: torch.Tensor) -> torch.Tensor:
    """Sum over 3x3x3 voxels of an image (B, C, X, Y, Z), where all 27 are: (B, C, X - 2, Y - 2, Z - 2).

    On a CPU it is faster than pooling.
    """
    for axis in (4, 3, 2):
        size = image.shape[axis] - 2
        first, second, third = (image.narrow(axis, start, size) for start in range(3))
        image = (first + second).add_(third)
    return image


def box_mean(image: torch.Tensor) -> torch.Tensor:
    """Mean over 3x3x3 voxels of an image (B, C, X, Y, Z), edges repeated."""
    return box_sum(functional.pad(image, (1,) * 6, mode="replicate")).div_(27)


def sharpened(image: torch.Tensor, amount: float) -> torch.Tensor:
    """Unsharp masking: `amount` times what 3x3x3 voxels average away is added, inside the brain.

    Parameters
    ----------
    image : Tensor (B, 1, X, Y, Z), preprocessed, 0 outside the brain
    amount : float; 0: the image as it is

    Returns
    -------
    Tensor (B, 1, X, Y, Z)
    """
    return torch.where(image > 0, image + amount * (image - box_mean(image)), image) if amount else image
