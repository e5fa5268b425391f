"""VoxelMorph (Balakrishnan et al. 2019, doi:10.1109/TMI.2019.2897538): one displacement, no integration."""

import itertools

import torch
import torch.nn.functional as functional
from torch import nn

from ganreg.learn.base import Network
from ganreg.register.layers import Flow, centered, convolution
from ganreg.register.settings import Voxelmorph


class VoxelMorph(Network):
    """VoxelMorph's network.

    Every encoder stage halves the grid; as many decoder stages bring it back, each joined with the encoder's features
    of its size; the remaining decoder widths are convolutions at full size. VoxelMorph-1 is ([8, 32, 32, 32], [32, 32,
    32, 32, 32, 8, 8]) with 274,387 parameters, VoxelMorph-2 ([16, 32, 32, 32], [32, 32, 32, 32, 32, 16, 16]) with
    301,411.
    """

    # what Muon does not train
    output_layers = ("flow",)

    def __init__(self, settings: Voxelmorph) -> None:
        super().__init__()
        encoder, decoder = settings.encoder, settings.decoder
        widths = [2, *encoder]
        self.down = nn.ModuleList(convolution(a, b, stride=2) for a, b in itertools.pairwise(widths))
        skips = [0, *reversed(encoder[:-1]), 2]
        before = [encoder[-1], *decoder]
        levels = len(encoder)
        self.up = nn.ModuleList(convolution(before[k] + skips[k], decoder[k]) for k in range(levels))
        full = [decoder[levels - 1] + 2, *decoder[levels:]]
        self.full = nn.Sequential(*(convolution(a, b) for a, b in itertools.pairwise(full)))
        self.flow = Flow(full[-1])

    def forward(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """Displacement (B, 3, X, Y, Z) in voxels from two images (B, 1, X, Y, Z)."""
        features = [torch.cat([centered(fixed), centered(moving)], dim=1)]
        for layer in self.down:
            features.append(layer(features[-1]))
        x = features.pop()
        for layer in self.up:
            skip = features.pop()
            x = torch.cat([functional.interpolate(layer(x), size=skip.shape[2:], mode="nearest"), skip], dim=1)
        return self.flow(self.full(x))
