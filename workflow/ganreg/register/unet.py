"""The paper's registration U-Net (Fig. 9): two images in, one evaluation."""

import torch

from ganreg.register.layers import EncoderDecoder, Flow, centered
from ganreg.register.settings import Unet
from ganreg.register.velocity import VelocityNetwork


class RegistrationUNet(VelocityNetwork):
    """The registration U-Net (Fig. 9): a stationary velocity at half size, integrated and up-sampled.

    It reads the two images, as centered z-scores with a background of 0, and is evaluated once. Its first convolution
    has stride 2, so that the decoder ends at half size, where the velocity is. Dropout in the decoder makes Monte-Carlo
    samples of the transform (Eq. 8).
    """

    def __init__(self, settings: Unet) -> None:
        super().__init__(settings)
        self.body = EncoderDecoder(2, settings.features, settings.dropout, settings.instance_norm, stride=2)
        self.flow = Flow(settings.features[0])

    def velocity(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """Velocity (B, 3, X/2, Y/2, Z/2) in voxels of its own grid from two preprocessed images (B, 1, X, Y, Z)."""
        return self.flow(self.body(torch.cat([centered(fixed), centered(moving)], dim=1)))
