"""Stationary velocities on grids that are coarser than the images': what several networks and the optimizer give."""

from abc import ABC, abstractmethod

import torch

from ganreg.learn.base import Network
from ganreg.register.settings import VelocityTraining
from ganreg.spatial import warp


def displacement_of(velocity: torch.Tensor, integration_steps: int, doublings: int = 1) -> torch.Tensor:
    """Displacement on a grid that is twice as fine as the velocity's, so many times, corners aligned.

    Parameters
    ----------
    velocity : Tensor (B, 3, U, V, W), voxels of its own grid
    integration_steps : int, squarings
    doublings : int

    Returns
    -------
    Tensor (B, 3, U * 2**doublings, ...), float32, voxels of the fine grid
    """
    # integration multiplies small numbers: bfloat16 would not do
    with torch.autocast(velocity.device.type, enabled=False):
        integrated = warp.integrate(velocity, integration_steps)
        return warp.resize(integrated, [size * 2**doublings for size in velocity.shape[2:]])


class VelocityNetwork(Network, ABC):
    """A registration network that gives a stationary velocity, integrated by scaling and squaring."""

    # group norm's gradient takes 20 times as long channels last (torch 2.13, CPU)
    memory_format = torch.contiguous_format
    # what Muon does not train
    output_layers = ("flow",)
    # how often the velocity's grid has to be doubled to be the images'
    doublings = 1

    def __init__(self, settings: VelocityTraining) -> None:
        super().__init__()
        self.settings = settings

    @abstractmethod
    def velocity(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """Velocity (B, 3, U, V, W) in voxels of its own grid from two preprocessed images (B, 1, X, Y, Z)."""

    def displacement(self, velocity: torch.Tensor) -> torch.Tensor:
        """Displacement (B, 3, X, Y, Z) in voxels of the image grid from a velocity as `velocity` gives it."""
        return displacement_of(velocity, self.settings.integration_steps, self.doublings)

    def forward(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """Displacement (B, 3, X, Y, Z) in voxels from two images (B, 1, X, Y, Z)."""
        return self.displacement(self.velocity(fixed, moving))
