"""The registration networks, by the class of their settings."""

from ganreg.learn.base import Network
from ganreg.register.settings import RegistrationTraining, Unet, Unrolled, Voxelmorph
from ganreg.register.unet import RegistrationUNet
from ganreg.register.unrolled import UnrolledNetwork
from ganreg.register.voxelmorph import VoxelMorph

NETWORKS: dict[type[RegistrationTraining], type[Network]] = {
    Voxelmorph: VoxelMorph,
    Unet: RegistrationUNet,
    Unrolled: UnrolledNetwork,
}


def build(settings: RegistrationTraining) -> Network:
    """The network that settings describe, with random weights."""
    return NETWORKS[type(settings)](settings)
