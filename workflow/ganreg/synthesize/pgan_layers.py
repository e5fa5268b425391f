"""Layers of the progressive GAN (Karras et al. 2018, arXiv:1710.10196), and how images change their grid."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import nn

from ganreg.learn.convolution import conv3d

LEAK = 0.2
# He's gain before a rectifier
GAIN = math.sqrt(2)


def pixel_norm(x: torch.Tensor) -> torch.Tensor:
    """Features (B, C, ...) scaled to mean square 1 over the channels of each voxel, in float32 inside."""
    return x * torch.rsqrt(x.float().square().mean(dim=1, keepdim=True) + 1e-8).to(x.dtype)


class Equalized(nn.Module):
    """Layer with weights drawn from N(0, 1) and scaled at run time by gain / sqrt(fan-in) (equalized learning rate).

    Parameters
    ----------
    weight_shape : tuple of ints
    outputs : int, biases
    fan_in : int
    gain : float, sqrt(2) before a leaky ReLU, 1 for a linear layer
    """

    def __init__(self, weight_shape: Sequence[int], outputs: int, fan_in: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(weight_shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(fan_in)


class Convolution(Equalized):
    """Convolution of size 3 (padded) or 1, of 3-D features."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, gain: float = GAIN) -> None:
        super().__init__((outputs, inputs, size, size, size), outputs, inputs * size**3, gain)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return conv3d(x, self.weight * self.scale, self.bias)


class Linear(Equalized):
    """Linear layer."""

    def __init__(self, inputs: int, outputs: int, gain: float = GAIN) -> None:
        super().__init__((outputs, inputs), outputs, inputs, gain)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight * self.scale, self.bias)


class Stem(Equalized):
    """First layer of the generator (Eq. 3): a transposed convolution of the latent vector onto the smallest grid."""

    def __init__(self, latent: int, outputs: int, shape: Sequence[int]) -> None:
        # each output voxel is a sum over the latent values alone
        super().__init__((latent, outputs, *shape), outputs, latent, GAIN)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Features (B, C, X, Y, Z) of latent vectors (B, L)."""
        return functional.conv_transpose3d(z[:, :, None, None, None], self.weight * self.scale, self.bias)


def halve(x: torch.Tensor) -> torch.Tensor:
    """Average of each 2 x 2 x 2 voxels.

    Not avg_pool3d: on CPU it has no bfloat16, and leaves the memory layout that convolutions are fast in (8 times).
    """
    x = x.movedim(1, -1)
    for axis in (1, 2, 3):
        even, odd = x.unflatten(axis, (-1, 2)).unbind(axis + 1)
        x = even + odd
    return (x * 0.125).movedim(-1, 1)


def shrink(x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Features averaged onto a coarser grid, theirs halved some times."""
    while x.shape[2] > shape[0]:
        x = halve(x)
    return x


def grow(x: torch.Tensor) -> torch.Tensor:
    """Nearest-neighbor up-sampling by two."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def mixed(before: torch.Tensor, after: torch.Tensor, alpha: float) -> torch.Tensor:
    """`before` at alpha 0, `after` at 1; autocast may give them different types."""
    return (1 - alpha) * before + alpha * after


def standardized(images: torch.Tensor, brain: torch.Tensor) -> torch.Tensor:
    """Images (B, M, X, Y, Z) of mean 0 and deviation 1 over the brain, 0 outside.

    Parameters
    ----------
    images : Tensor (B, M, X, Y, Z)
    brain : Tensor (B, 1, X, Y, Z), share of each voxel, 0 to 1
    """
    axes = (2, 3, 4)
    size = brain.sum(dim=axes, keepdim=True).clamp(min=1)
    centered = images - (images * brain).sum(dim=axes, keepdim=True) / size
    variance = (centered.square() * brain).sum(dim=axes, keepdim=True) / size
    return centered * brain * (variance + 1e-8).rsqrt()
