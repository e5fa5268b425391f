"""DAGAN (Yang et al. 2018, doi:10.1109/TMI.2017.2785879): a GAN that restores slices from under-sampled k-space.

Axial slices of every modality are single-channel images, as in the paper; the network sees z-scores, 0 outside the
brain. Left out: the perceptual loss, which needs VGG's pretrained weights, and batch normalization.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

# standard deviation of the sampled lines' density, as a fraction of k-space
LINE_DENSITY = 1 / 6
LEAK = 0.2


def sampled_lines(size: int, fraction: float, seed: int) -> torch.Tensor:
    """Lines of a 1-D Gaussian Cartesian mask.

    Parameters
    ----------
    size : int, lines of k-space
    fraction : float, of lines to sample; the center is always among them
    seed : int

    Returns
    -------
    Tensor (size,), bool, in the order of `torch.fft.fftfreq`: exactly round(fraction * size) are true, at least one
    """
    frequency = np.fft.fftfreq(size)
    density = np.exp(-0.5 * (frequency / LINE_DENSITY) ** 2)
    density[0] = 0
    count = max(round(fraction * size), 1) - 1
    drawn = np.random.default_rng(seed).choice(size, count, replace=False, p=density / density.sum())
    lines = torch.zeros(size, dtype=torch.bool)
    lines[[0, *drawn.tolist()]] = True
    return lines


def undersample(slices: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
    """Zero-filled reconstruction of slices (B, 1, X, Y) from some lines along their second axis.

    The real part is taken, not the magnitude: z-scores have a sign. The Fourier transform along the fully sampled first
    axis would cancel out.
    """
    spectrum = torch.fft.fft(slices.float(), dim=-1)
    return torch.fft.ifft(spectrum * lines, dim=-1).real


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, a=LEAK)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs, stride), nn.LeakyReLU(LEAK))


class Generator(nn.Module):
    """U-Net with refinement learning: it adds what is missing to the zero-filled slice.

    Parameters
    ----------
    features : list of ints
        Width of each stage, the first at full size; every further one halves the slice.
    lines : bool Tensor (Y,)
        The sampled lines; kept with the weights, which were trained for them.
    """

    memory_format = torch.channels_last
    lines: torch.Tensor

    def __init__(self, features: Sequence[int], lines: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("lines", lines)
        self.stem = _block(1, features[0])
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in itertools.pairwise(features)
        )
        self.up = nn.ModuleList(_block(a + b, b) for a, b in itertools.pairwise(reversed(features)))
        self.missing = _convolution(features[0], 1)
        # training starts from the zero-filled slice itself
        nn.init.normal_(self.missing.weight, std=1e-3)

    def forward(self, damaged: torch.Tensor) -> torch.Tensor:
        """Restored slices (B, 1, X, Y), float32, from `undersample`'s."""
        features = [self.stem(damaged)]
        for layer in self.down:
            features.append(layer(features[-1]))
        x = features.pop()
        for layer in self.up:
            skip = features.pop()
            x = layer(torch.cat([functional.interpolate(x, size=skip.shape[2:], mode="nearest"), skip], dim=1))
        return damaged + self.missing(x).float()


class Discriminator(nn.Sequential):
    """Small network that tells whole slices (B, 1, X, Y) from restored ones: a logit for each patch (B, 1, U, V).

    Parameters
    ----------
    features : list of ints
        Width of each stage; every one halves the slice.
    """

    memory_format = torch.channels_last

    def __init__(self, features: Sequence[int]) -> None:
        stages = (_block(a, b, stride=2) for a, b in itertools.pairwise([1, *features]))
        super().__init__(*stages, _convolution(features[-1], 1))
