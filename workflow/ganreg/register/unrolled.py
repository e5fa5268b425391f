"""The unrolled network: a learned optimizer, which reads matching costs and gradients in several passes."""

from collections.abc import Callable

import torch
import torch.nn.functional as functional

from ganreg.register import matching, mind, similarity
from ganreg.register.filters import box_mean, sharpened
from ganreg.register.layers import EncoderDecoder, Flow
from ganreg.register.settings import Unrolled
from ganreg.register.velocity import VelocityNetwork, displacement_of
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


class UnrolledNetwork(VelocityNetwork):
    """A network that steps as an optimizer does, but further (after GraDIRN, Qiu et al. 2022, arXiv:2112.03915).

    In each of several passes, with the same weights, it reads of the pair as warped so far the costs of matching MIND
    descriptors, and the gradients of MIND's distance and of mutual information with respect to the velocity, and adds
    to the velocity. It is blind to contrast by construction: images enter through MIND and mutual information alone.

    `symmetric`: each pass evaluates the network in both directions, fixed to moving and back, and takes half the
    difference, so that the transform of the exchanged pair is the inverse one; in training a direction is drawn for
    each pass. `mirrored`: test-time augmentation by the mirror image. `halvings`: on a fine grid the work is that of
    a coarser one, but for the last up-sampling. Instance norm is that of Ulyanov et al. 2016 (arXiv:1607.08022).
    """

    settings: Unrolled

    def __init__(self, settings: Unrolled) -> None:
        super().__init__(settings)
        self.doublings = 1 + settings.halvings
        # costs, and two gradients of three components each, on the half grid already; costs are averages over their
        # neighborhood
        inputs = len(matching.displacements(settings.search)) + 2 * 3
        features = settings.features
        self.body = EncoderDecoder(inputs, features, settings.dropout, settings.instance_norm, stride=1, size=1)
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
                    displacement = displacement_of(velocity, self.settings.integration_steps)
                    warped = warp.warp(moving, displacement[(..., *box)], origin=origin)
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

    def _evaluations(self, fixed: torch.Tensor, moving: torch.Tensor) -> list[OfVelocity]:
        """Functions of the velocity, one for each direction: what an evaluation in it adds to the velocity."""

        def evaluation(sign: int, read: OfVelocity) -> OfVelocity:
            return lambda velocity: sign * self.flow(self.body(read(sign * velocity)))

        forward = evaluation(1, self._matches_of(fixed, moving))
        return [forward, evaluation(-1, self._matches_of(moving, fixed))] if self.settings.symmetric else [forward]

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
