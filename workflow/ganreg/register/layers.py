"""Layers that the registration networks are made of."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import nn

from ganreg.learn.convolution import conv3d
from ganreg.volumes.normalize import SHIFT

LEAK = 0.2


class Convolution(nn.Conv3d):
    """Convolution of size 3, padded, or 1, in float32 where the grid is narrow.

    The weights' gradient in bfloat16 on CPU (torch 2.13, oneDNN) is uninitialized memory on grids of fewer than 3
    voxels along an axis.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, bias: bool = True, size: int = 3) -> None:
        super().__init__(inputs, outputs, size, stride, padding=size // 2, bias=bias)
        # torch's own start lets the signal shrink layer by layer
        nn.init.kaiming_normal_(self.weight, a=LEAK)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, outputs, X / stride, Y / stride, Z / stride) of features (B, inputs, X, Y, Z)."""
        if x.device.type == "cpu" and min(x.shape[2:]) < 3:
            with torch.autocast("cpu", enabled=False):
                return conv3d(x.float(), self.weight, self.bias, self.stride[0])
        return conv3d(x, self.weight, self.bias, self.stride[0])


def convolution(
    inputs: int, outputs: int, stride: int = 1, instance_norm: bool = False, size: int = 3
) -> nn.Sequential:
    """Convolution, instance norm where wanted, and leaky ReLU."""
    # one channel a group is instance norm, which torch refuses where one voxel is left; it takes any bias away
    norm = [nn.GroupNorm(outputs, outputs)] if instance_norm else []
    return nn.Sequential(Convolution(inputs, outputs, stride, not instance_norm, size), *norm, nn.LeakyReLU(LEAK))


class Flow(Convolution):
    """Last convolution, to a displacement or velocity: in float32, as bfloat16 would round 2 to 4 voxels to .016.

    Started near zero so that training starts from the identity.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 3)
        nn.init.normal_(self.weight, std=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Vectors (B, 3, X, Y, Z) from features (B, inputs, X, Y, Z)."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


def centered(image: torch.Tensor) -> torch.Tensor:
    """A preprocessed image with a mean of 0 in the brain, 0 outside it as well (Eq. 1)."""
    return torch.where(image > 0, image - SHIFT, 0)


class EncoderDecoder(nn.Module):
    """Encoder of 3x3x3 convolutions that halve the grid, decoder that doubles it, and skip connections.

    The features that it gives are on the grid of its first stage. A side that is odd is halved to the larger half.

    Parameters
    ----------
    inputs : int, channels
    features : widths of the stages, the finest first; every stage but the first halves the grid
    dropout : float, probability of dropping a channel of the decoder
    instance_norm : bool
    stride, size : of the first convolution
    """

    def __init__(
        self, inputs: int, features: Sequence[int], dropout: float, instance_norm: bool, stride: int, size: int = 3
    ) -> None:
        super().__init__()

        def layer(before: int, after: int, stride: int = 1, size: int = 3) -> nn.Sequential:
            return convolution(before, after, stride, instance_norm, size)

        first = nn.Sequential(layer(inputs, features[0], stride, size), layer(features[0], features[0]))
        later = (nn.Sequential(layer(a, b, stride=2), layer(b, b)) for a, b in itertools.pairwise(features))
        self.down = nn.ModuleList([first, *later])
        self.up = nn.ModuleList(
            nn.Sequential(layer(a + b, b), nn.Dropout3d(dropout), layer(b, b))
            for a, b in itertools.pairwise(reversed(features))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, features[0], X / stride, ...) of inputs (B, inputs, X, Y, Z)."""
        features = []
        for layer in self.down:
            x = layer(x)
            features.append(x)
        features.pop()
        for layer in self.up:
            skip = features.pop()
            x = functional.interpolate(x, size=skip.shape[2:], mode="trilinear", align_corners=False)
            x = layer(torch.cat([x, skip], dim=1))
        return x
