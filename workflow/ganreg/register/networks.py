"""Registration networks: VoxelMorph and the paper's U-Net (Fig. 9)."""

import itertools

import torch
import torch.nn.functional as functional
from torch import nn

from ganreg.convolution import conv3d
from ganreg.register import losses, matching
from ganreg.spatial import warp
from ganreg.spatial.box import brain_box

LEAK = 0.2


class Convolution(nn.Conv3d):
    """Convolution of size 3, padded, or 1, in float32 where the grid is narrow.

    The weights' gradient in bfloat16 on CPU (torch 2.13, oneDNN) is uninitialised memory on grids of fewer than 3
    voxels a side.
    """

    def __init__(self, inputs, outputs, stride=1, bias=True, size=3):
        super().__init__(inputs, outputs, size, stride, padding=size // 2, bias=bias)
        # torch's own start lets the signal shrink layer by layer
        nn.init.kaiming_normal_(self.weight, a=LEAK)
        if bias:
            nn.init.zeros_(self.bias)

    def forward(self, x):
        if x.device.type == "cpu" and min(x.shape[2:]) < 3:
            with torch.autocast("cpu", enabled=False):
                return conv3d(x.float(), self.weight, self.bias, self.stride[0])
        return conv3d(x, self.weight, self.bias, self.stride[0])


def _convolution(inputs, outputs, stride=1, normalised=False, size=3):
    # a group a channel is instance norm, which torch refuses where one voxel is left; it takes any bias away
    norm = [nn.GroupNorm(outputs, outputs)] if normalised else []
    return nn.Sequential(Convolution(inputs, outputs, stride, not normalised, size), *norm, nn.LeakyReLU(LEAK))


class Flow(Convolution):
    """Last convolution, to a displacement or velocity: in float32, as bfloat16 would round 2 to 4 voxels to .016.

    Started near zero so that training starts from the identity.
    """

    def __init__(self, inputs):
        super().__init__(inputs, 3)
        nn.init.normal_(self.weight, std=1e-3)

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


def _halved(image):
    """An image (B, C, X, Y, Z) on half the grid, corners aligned as the displacement's are, low-passed first."""
    half = [side // 2 for side in image.shape[2:]]
    return functional.interpolate(losses.box_mean(image), size=half, mode="trilinear", align_corners=True)


def _mirror(velocity):
    """A velocity (B, 3, X, Y, Z) of the images mirrored left to right."""
    return velocity.flip(2) * velocity.new_tensor([-1, 1, 1]).view(1, 3, 1, 1, 1)


class VoxelMorph(nn.Module):
    """VoxelMorph (Balakrishnan et al. 2019, doi:10.1109/TMI.2019.2897538): one displacement, no integration.

    Every encoder stage halves the grid; as many decoder stages bring it back, each joined with the encoder's features
    of its size; the remaining decoder widths are convolutions at full size. VoxelMorph-1 is ([8, 32, 32, 32], [32, 32,
    32, 32, 32, 8, 8]) with 274,387 parameters, VoxelMorph-2 ([16, 32, 32, 32], [32, 32, 32, 32, 32, 16, 16]) with
    301,411.

    Parameters
    ----------
    encoder, decoder : lists of ints, widths
    """

    output_layers = ("flow",)

    def __init__(self, encoder, decoder):
        super().__init__()
        widths = [2, *encoder]
        self.down = nn.ModuleList(_convolution(a, b, stride=2) for a, b in itertools.pairwise(widths))
        skips = [0, *reversed(encoder[:-1]), 2]
        before = [encoder[-1], *decoder]
        levels = len(encoder)
        self.up = nn.ModuleList(_convolution(before[k] + skips[k], decoder[k]) for k in range(levels))
        full = [decoder[levels - 1] + 2, *decoder[levels:]]
        self.full = nn.Sequential(*(_convolution(a, b) for a, b in itertools.pairwise(full)))
        self.flow = Flow(full[-1])

    def forward(self, fixed, moving):
        """Displacement (B, 3, X, Y, Z) in voxels from two images (B, 1, X, Y, Z)."""
        features = [torch.cat([fixed, moving], dim=1)]
        for layer in self.down:
            features.append(layer(features[-1]))
        x = features.pop()
        for layer in self.up:
            x = functional.interpolate(layer(x), scale_factor=2.0, mode="nearest")
            x = torch.cat([x, features.pop()], dim=1)
        return self.flow(self.full(x))


class RegistrationUNet(nn.Module):
    """The registration U-Net (Fig. 9): a stationary velocity at half size, integrated and up-sampled.

    In each of several passes, with the same weights, it looks at the pair as warped so far and adds to the velocity.
    With `search` it looks at matching costs and at the gradients of MIND's distance and of mutual information with
    respect to the velocity, so that training teaches it to step as an optimiser does, but further (after GraDIRN, Qiu
    et al. 2022, arXiv:2112.03915).

    Parameters
    ----------
    features : list of ints
        Width of each stage; every stage halves the grid.
    dropout : float
        Probability of dropping a channel in the decoder, for Monte-Carlo sampling.
    integration_steps : int
        Squarings of `spatial.warp.integrate`.
    instance_norm : bool
        Whether each convolution's output is normalised, channel by channel (Ulyanov et al. 2016, arXiv:1607.08022).
    search : list of ints, or an empty one
        Reach (voxels) of the `matching.cost_volume` that the network reads beside the gradients; empty: it reads the
        two images, as in the paper.
    passes : int
    training_passes : int
        Those of a training step. The weights are the same in all, so that a network trained with fewer, which is
        quicker, makes use of more.
    halvings : int
        How often the images are halved before the network looks at them. On a fine grid the work is that of a coarser
        one, but for the last up-sampling.
    symmetric : bool
        It looks both ways in each pass, fixed to moving and back, and takes half the difference: the transform of the
        swapped pair is then the inverse one. In training each pass looks one way, drawn at random, which is quicker.
    mirrored : bool
        When it is not being trained, it looks at the pair's mirror image, left to right, as well, and takes the mean.
    sharpening : float
        With `search`, costs and gradients are of images that `losses.sharpened` has sharpened so much.
    """

    # group norm's gradient takes 20 times as long channels last (torch 2.13, CPU)
    memory_format = torch.contiguous_format
    output_layers = ("flow",)

    def __init__(
        self, features, dropout, integration_steps, instance_norm, search, passes, training_passes, halvings, symmetric,
        mirrored, sharpening,
    ):  # fmt: skip
        super().__init__()
        self.integration_steps, self.search = integration_steps, search
        self.passes, self.training_passes = passes, training_passes
        self.halvings, self.symmetric, self.mirrored = halvings, symmetric, mirrored
        self.sharpening = sharpening
        # costs and gradients lie on the half grid already
        inputs, stride = (len(matching.displacements(search)) + 2 * 3, 1) if search else (2, 2)

        def layer(before, after, stride=1):
            return _convolution(before, after, stride, instance_norm)

        # costs are averages over their neighbourhood already
        size = 1 if search else 3
        start = _convolution(inputs, features[0], stride, instance_norm, size)
        first = nn.Sequential(start, layer(features[0], features[0]))
        later = (nn.Sequential(layer(a, b, stride=2), layer(b, b)) for a, b in itertools.pairwise(features))
        self.down = nn.ModuleList([first, *later])
        turned = list(reversed(features))
        self.up = nn.ModuleList(
            nn.Sequential(layer(a + b, b), nn.Dropout3d(dropout), layer(b, b)) for a, b in itertools.pairwise(turned)
        )
        self.flow = Flow(features[0])

    def _matches_of(self, fixed, moving):
        """A function of the velocity: matching costs and the similarities' gradients of the pair as warped so far.

        All are on the half grid; the costs are 0 outside the brain's box, and in the brain what they would be without
        one; the gradients are scaled to deviation 1.
        """
        # as far as a voxel's costs look: descriptors, displacements, and the neighbours on the half grid
        box = brain_box(fixed, losses.REACH + max(self.search) + 2, step=2)
        origin, half = [side.start for side in box], [slice(side.start // 2, side.stop // 2) for side in box]
        mask = (fixed[(..., *box)] > 0).float()
        fixed, moving = (losses.sharpened(image, self.sharpening) for image in (fixed, moving))
        fixed = fixed[(..., *box)]
        target = losses.mind(fixed)
        information = losses.similarity_to("mi", fixed, mask)

        def matches(velocity):
            with torch.autocast(velocity.device.type, enabled=False):
                with torch.enable_grad():
                    velocity = velocity.detach().requires_grad_()
                    warped = warp.warp(moving, self._doubled(velocity)[(..., *box)], origin=origin)
                    distance, descriptors = losses.mind_distance(warped, target, mask)
                    gradients = [
                        torch.autograd.grad(loss, velocity, retain_graph=True)[0]
                        for loss in (distance, information(warped))
                    ]
                costs = matching.cost_volume(target, descriptors, self.search)
                spread = velocity.new_zeros(*costs.shape[:2], *velocity.shape[2:])
                spread[(..., *half)] = costs
                return torch.cat([spread, *(each / each.std().clamp(min=1e-12) for each in gradients)], dim=1)

        return matches

    def _images_of(self, fixed, moving):
        """A function of the velocity: the pair as warped so far."""
        return lambda velocity: torch.cat([fixed, warp.warp(moving, self._doubled(velocity))], dim=1)

    def _update(self, x):
        """What a pass adds to the velocity (B, 3, X/2, Y/2, Z/2), from what it reads."""
        features = []
        for layer in self.down:
            x = layer(x)
            features.append(x)
        features.pop()
        for layer in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False)
            x = layer(torch.cat([x, features.pop()], dim=1))
        return self.flow(x)

    def velocity(self, fixed, moving):
        """Velocity (B, 3, U, V, W) in voxels of its own grid, half of the one that the network looks at."""
        for _ in range(self.halvings):
            fixed, moving = _halved(fixed), _halved(moving)
        looks = self._looks(fixed, moving)
        if self.mirrored and not self.training:
            mirrored = self._looks(fixed.flip(2), moving.flip(2))
            looks += [lambda velocity, look=look: _mirror(look(_mirror(velocity))) for look in mirrored]
        velocity = fixed.new_zeros(len(fixed), 3, *(side // 2 for side in fixed.shape[2:]))
        for _ in range(self.training_passes if self.training else self.passes):
            taken = [looks[int(torch.randint(len(looks), ()))]] if self.training else looks
            velocity = velocity + sum(look(velocity) for look in taken) / len(taken)
        return velocity

    def _looks(self, fixed, moving):
        """Functions of the velocity, one for each way the pair is looked at: what a look adds to it."""

        def look(way, read):
            return lambda velocity: way * self._update(read(way * velocity))

        look_at = self._matches_of if self.search else self._images_of
        ways = [(1, fixed, moving), (-1, moving, fixed)] if self.symmetric else [(1, fixed, moving)]
        return [look(way, look_at(*images)) for way, *images in ways]

    def _doubled(self, velocity, times=1):
        """Displacement on a grid that is twice as fine as the velocity's, so many times."""
        # integration multiplies small numbers: bfloat16 would not do
        with torch.autocast(velocity.device.type, enabled=False):
            integrated = warp.integrate(velocity, self.integration_steps)
            return warp.resize(integrated, [side * 2**times for side in velocity.shape[2:]])

    def displacement(self, velocity):
        """Displacement (B, 3, X, Y, Z) in voxels of the image grid from a velocity as `velocity` gives it."""
        return self._doubled(velocity, 1 + self.halvings)

    def forward(self, fixed, moving):
        """Displacement (B, 3, X, Y, Z) in voxels from two images (B, 1, X, Y, Z)."""
        return self.displacement(self.velocity(fixed, moving))


def build(options):
    """The network that a block of the configuration describes: with `encoder` a VoxelMorph, else the U-Net."""
    if "encoder" in options:
        return VoxelMorph(options["encoder"], options["decoder"])
    keys = (
        "features", "dropout", "integration_steps", "instance_norm", "search", "passes", "training_passes", "halvings",
        "symmetric", "mirrored", "sharpening",
    )  # fmt: skip
    return RegistrationUNet(*(options[key] for key in keys))
