"""Layers that the registration networks are made of."""

import torch
from torch import nn

from ganreg.learn.convolution import conv3d

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
