"""The registration U-Net (the paper's Fig. 9), and what makes an unrolled optimization of it."""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import nn

from ganreg.learn.base import Network
from ganreg.register import matching, mind, similarity
from ganreg.register.filters import box_mean, sharpened
from ganreg.register.layers import Flow, convolution
from ganreg.register.settings import Unet
from ganreg.spatial import warp
from ganreg.spatial.box import brain_box

# of the velocity (B, 3, U, V, W): what the network reads in a pass, or what one evaluation of it adds
OfVelocity = Callable[[torch.Tensor], torch.Tensor]


def _halved(image: torch.Tensor) -> torch.Tensor:
    """An image (B, C, X, Y, Z) on half the grid, corners aligned as the displacement's are, low-passed first."""
    half = [size // 2 for size in image.shape[2:]]
    return functional.interpolate(box_mean(image), size=half, mode="trilinear", align_corners=True)


def _mirror(velocity: torch.Tensor) -> torch.Tensor:
    """A velocity (B, 3, X, Y, Z) of the images mirrored left to right."""
    return velocity.flip(2) * velocity.new_tensor([-1, 1, 1]).view(1, 3, 1, 1, 1)


def _of_mirror_image(evaluate: OfVelocity) -> OfVelocity:
    """An evaluation on the pair's mirror image as one on the pair."""
    return lambda velocity: _mirror(evaluate(_mirror(velocity)))


class RegistrationUNet(Network):
    """The registration U-Net (Fig. 9): a stationary velocity at half size, integrated and up-sampled.

    In each of several passes, with the same weights, it reads the pair as warped so far and adds to the velocity. With
    `search` it reads matching costs, and the gradients of MIND's distance and of mutual information with respect to the
    velocity, so that training teaches it to step as an optimizer does, but further (an unrolled optimization after
    GraDIRN, Qiu et al. 2022, arXiv:2112.03915); without, the two images, as in the paper.

    `symmetric`: each pass evaluates the network in both directions, fixed to moving and back, and takes half the
    difference, so that the transform of the exchanged pair is the inverse one; in training a direction is drawn for
    each pass. `mirrored`: test-time augmentation by the mirror image. `halvings`: on a fine grid the work is that of
    a coarser one, but for the last up-sampling. Instance norm is that of Ulyanov et al. 2016 (arXiv:1607.08022).
    """

    # group norm's gradient takes 20 times as long channels last (torch 2.13, CPU)
    memory_format = torch.contiguous_format
    # what Muon does not train
    output_layers = ("flow",)

    def __init__(self, settings: Unet) -> None:
        super().__init__()
        self.settings = settings
        features, search = settings.features, settings.search
        # costs, and two gradients of three components each, lie on the half grid already
        inputs, stride = (len(matching.displacements(search)) + 2 * 3, 1) if search else (2, 2)

        def layer(before: int, after: int, stride: int = 1) -> nn.Sequential:
            return convolution(before, after, stride, settings.instance_norm)

        # costs are averages over their neighborhood already
        size = 1 if search else 3
        start = convolution(inputs, features[0], stride, settings.instance_norm, size)
        first = nn.Sequential(start, layer(features[0], features[0]))
        later = (nn.Sequential(layer(a, b, stride=2), layer(b, b)) for a, b in itertools.pairwise(features))
        self.down = nn.ModuleList([first, *later])
        self.up = nn.ModuleList(
            nn.Sequential(layer(a + b, b), nn.Dropout3d(settings.dropout), layer(b, b))
            for a, b in itertools.pairwise(reversed(features))
        )
        self.flow = Flow(features[0])

    def _matches_of(self, fixed: torch.Tensor, moving: torch.Tensor) -> OfVelocity:
        """A function of the velocity: matching costs and the similarities' gradients of the pair as warped so far.

        All are on the half grid; the costs are 0 outside the brain's box, and in the brain what they would be without
        one; the gradients are scaled to deviation 1.
        """
        # all that a voxel's costs depend on: descriptors, displacements, and the neighbors on the half grid
        box = brain_box(fixed, mind.REACH + max(self.settings.search) + 2, step=2)
        origin = [part.start for part in box]
        x, y, z = (slice(part.start // 2, part.stop // 2) for part in box)
        mask = (fixed[(..., *box)] > 0).float()
        fixed, moving = (sharpened(image, self.settings.sharpening) for image in (fixed, moving))
        fixed = fixed[(..., *box)]
        target = mind.descriptors(fixed)
        information = similarity.negative_mutual_information(fixed, mask)

        def matches(velocity: torch.Tensor) -> torch.Tensor:
            with torch.autocast(velocity.device.type, enabled=False):
                with torch.enable_grad():
                    velocity = velocity.detach().requires_grad_()
                    warped = warp.warp(moving, self._doubled(velocity)[(..., *box)], origin=origin)
                    distance, descriptors = mind.distance(warped, target, mask)
                    gradients = [
                        torch.autograd.grad(loss, velocity, retain_graph=True)[0]
                        for loss in (distance, information(warped))
                    ]
                costs = matching.cost_volume(target, descriptors, self.settings.search)
                spread = velocity.new_zeros(*costs.shape[:2], *velocity.shape[2:])
                spread[..., x, y, z] = costs
                return torch.cat([spread, *(each / each.std().clamp(min=1e-12) for each in gradients)], dim=1)

        return matches

    def _images_of(self, fixed: torch.Tensor, moving: torch.Tensor) -> OfVelocity:
        """A function of the velocity: the pair as warped so far."""
        return lambda velocity: torch.cat([fixed, warp.warp(moving, self._doubled(velocity))], dim=1)

    def _update(self, x: torch.Tensor) -> torch.Tensor:
        """One evaluation: what is added to the velocity (B, 3, X/2, Y/2, Z/2), from what the network reads."""
        features = []
        for layer in self.down:
            x = layer(x)
            features.append(x)
        features.pop()
        for layer in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False)
            x = layer(torch.cat([x, features.pop()], dim=1))
        return self.flow(x)

    def _evaluations(self, fixed: torch.Tensor, moving: torch.Tensor) -> list[OfVelocity]:
        """Functions of the velocity, one for each direction: what an evaluation in it adds to the velocity."""

        def evaluation(sign: int, read: OfVelocity) -> OfVelocity:
            return lambda velocity: sign * self._update(read(sign * velocity))

        read_of = self._matches_of if self.settings.search else self._images_of
        forward = evaluation(1, read_of(fixed, moving))
        return [forward, evaluation(-1, read_of(moving, fixed))] if self.settings.symmetric else [forward]

    def velocity(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """Velocity (B, 3, U, V, W) in voxels of its own grid, half of the one that the network reads."""
        for _ in range(self.settings.halvings):
            fixed, moving = _halved(fixed), _halved(moving)
        evaluations = self._evaluations(fixed, moving)
        if self.settings.mirrored and not self.training:
            evaluations += [_of_mirror_image(each) for each in self._evaluations(fixed.flip(2), moving.flip(2))]
        velocity = fixed.new_zeros(len(fixed), 3, *(size // 2 for size in fixed.shape[2:]))
        for _ in range(self.settings.training_passes if self.training else self.settings.passes):
            taken = [evaluations[int(torch.randint(len(evaluations), ()))]] if self.training else evaluations
            velocity = velocity + sum(evaluate(velocity) for evaluate in taken) / len(taken)
        return velocity

    def _doubled(self, velocity: torch.Tensor, times: int = 1) -> torch.Tensor:
        """Displacement on a grid that is twice as fine as the velocity's, so many times."""
        # integration multiplies small numbers: bfloat16 would not do
        with torch.autocast(velocity.device.type, enabled=False):
            integrated = warp.integrate(velocity, self.settings.integration_steps)
            return warp.resize(integrated, [size * 2**times for size in velocity.shape[2:]])

    def displacement(self, velocity: torch.Tensor) -> torch.Tensor:
        """Displacement (B, 3, X, Y, Z) in voxels of the image grid from a velocity as `velocity` gives it."""
        return self._doubled(velocity, 1 + self.settings.halvings)

    def forward(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        """Displacement (B, 3, X, Y, Z) in voxels from two images (B, 1, X, Y, Z)."""
        return self.displacement(self.velocity(fixed, moving))
