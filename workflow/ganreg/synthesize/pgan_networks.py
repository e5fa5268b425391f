"""The progressive GAN in 3-D (Karras et al. 2018, arXiv:1710.10196), conditioned on a label map at every stage.

Images inside the networks are z-scores over the brain (without `normalize.SHIFT`) and 0 outside it. On a stage's grid
they are averages over the voxels of the full grid.
"""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import nn
from torch.utils.checkpoint import checkpoint

from ganreg.learn.convolution import conv3d
from ganreg.synthesize.schedule import stage_shapes

LEAK = 0.2
# He's gain before a rectifier
GAIN = math.sqrt(2)


def pixel_norm(x: torch.Tensor) -> torch.Tensor:
    """Features (B, C, ...) scaled to mean square 1 over the channels of each voxel, in float32 inside."""
    return x * torch.rsqrt(x.float().square().mean(dim=1, keepdim=True) + 1e-8).to(x.dtype)


def minibatch_deviation(x: torch.Tensor) -> torch.Tensor:
    """Features (B, C, X, Y, Z) with one channel more: the mean over all of the deviation between batch members."""
    # not Tensor.var: over the first of few it takes many times as long
    centered = x.float() - x.float().mean(dim=0)
    deviation = (centered.square().mean(dim=0) + 1e-8).sqrt().mean().to(x.dtype)
    return torch.cat([x, deviation.expand(x.shape[0], 1, *x.shape[2:])], dim=1)


class Equalized(nn.Module):
    """Layer with weights drawn from N(0, 1) and scaled at run time by gain / sqrt(fan-in) (equalized learning rate).

    Parameters
    ----------
    weight_shape : tuple of ints
    outputs : int, biases
    fan_in : int
    gain : float, sqrt(2) before a leaky ReLU, 1 for a linear layer
    """

    def __init__(self, weight_shape: Sequence[int], outputs: int, fan_in: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(weight_shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(fan_in)


class Convolution(Equalized):
    """Convolution of size 3 (padded) or 1, of 3-D features."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, gain: float = GAIN) -> None:
        super().__init__((outputs, inputs, size, size, size), outputs, inputs * size**3, gain)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return conv3d(x, self.weight * self.scale, self.bias)


class Linear(Equalized):
    """Linear layer."""

    def __init__(self, inputs: int, outputs: int, gain: float = GAIN) -> None:
        super().__init__((outputs, inputs), outputs, inputs, gain)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight * self.scale, self.bias)


class Stem(Equalized):
    """First layer of the generator (Eq. 3): a transposed convolution of the latent vector onto the smallest grid."""

    def __init__(self, latent: int, outputs: int, shape: Sequence[int]) -> None:
        # each output voxel is a sum over the latent values alone
        super().__init__((latent, outputs, *shape), outputs, latent, GAIN)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Features (B, C, X, Y, Z) of latent vectors (B, L)."""
        return functional.conv_transpose3d(z[:, :, None, None, None], self.weight * self.scale, self.bias)


class Condition:
    """A batch of label maps, and what the networks ask of them on coarser grids, each computed once.

    Parameters
    ----------
    labels : Tensor (B, 1, X, Y, Z), integer
    """

    def __init__(self, labels: torch.Tensor) -> None:
        self.labels = labels
        self._memberships: dict[tuple[int, ...], torch.Tensor] = {}
        self._brain: dict[tuple[int, ...], torch.Tensor] = {}

    def memberships(self, shape: tuple[int, ...], count: int) -> torch.Tensor:
        """Share of each of `count` labels in each voxel of a coarser grid: (B, *shape, count), float32."""
        if shape not in self._memberships:
            labels, factor = self.labels, self.labels.shape[2] // shape[0]
            place = torch.arange(len(labels), device=labels.device).view(-1, 1, 1, 1)
            for axis, side in enumerate(shape):
                index = torch.arange(side, device=labels.device).repeat_interleave(factor)
                place = place * side + index.view([-1 if axis == other else 1 for other in (-1, 0, 1, 2)])
            counts = torch.bincount(
                (place * count + labels[:, 0]).flatten(), minlength=len(labels) * math.prod(shape) * count
            )
            self._memberships[shape] = counts.view(len(labels), *shape, count) / factor**3
        return self._memberships[shape]

    def brain(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Share of each voxel of a coarser grid that is brain, label > 0: (B, 1, *shape), float32."""
        if shape not in self._brain:
            self._brain[shape] = shrink((self.labels > 0).float(), shape)
        return self._brain[shape]


class Embedding(nn.Module):
    """What a label is to the networks: a few learned numbers, averaged over the voxels of a coarser grid.

    Parameters
    ----------
    labels : int, the largest label number
    width : int
    """

    def __init__(self, labels: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(labels + 1, width))

    def forward(self, condition: Condition, shape: tuple[int, ...]) -> torch.Tensor:
        """Features (B, E, *shape) of a `Condition`, on its labels' grid or a coarser one that divides it."""
        if condition.labels.shape[2:] == shape:
            # one-hot memberships of all labels would be the largest tensor of all
            embedded = functional.embedding(condition.labels[:, 0].int(), self.weight)
        else:
            embedded = condition.memberships(shape, len(self.weight)) @ self.weight
        return embedded.movedim(-1, 1)


def halve(x: torch.Tensor) -> torch.Tensor:
    """Average of each 2 x 2 x 2 voxels.

    Not avg_pool3d: on CPU it has no bfloat16, and leaves the memory layout that convolutions are fast in (8 times).
    """
    x = x.movedim(1, -1)
    for axis in (1, 2, 3):
        even, odd = x.unflatten(axis, (-1, 2)).unbind(axis + 1)
        x = even + odd
    return (x * 0.125).movedim(-1, 1)


def shrink(x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Features averaged onto a coarser grid, theirs halved some times."""
    while x.shape[2] > shape[0]:
        x = halve(x)
    return x


def grow(x: torch.Tensor) -> torch.Tensor:
    """Nearest-neighbor up-sampling by two."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def mixed(before: torch.Tensor, after: torch.Tensor, alpha: float) -> torch.Tensor:
    """`before` at alpha 0, `after` at 1; autocast may give them different types."""
    return (1 - alpha) * before + alpha * after


def blended(images: torch.Tensor, alpha: float) -> torch.Tensor:
    """Real images as a stage that fades in sees them: partly at the resolution of the stage before."""
    return images if alpha >= 1 else mixed(grow(halve(images)), images, alpha)


class Stage(nn.Module):
    """Two convolutions with leaky ReLUs; in the generator, each normalized over channels."""

    def __init__(self, inputs: int, middle: int, outputs: int, normalized: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Convolution(inputs, middle), Convolution(middle, outputs)])
        self.normalized = normalized

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), LEAK)
            x = pixel_norm(x) if self.normalized else x
        return x


class Generator(nn.Module):
    """Images of all modalities from a latent vector and a label map.

    Parameters
    ----------
    shape : (X, Y, Z), the full grid
    widths : list of ints, one a stage, coarse to fine
    latent : int
    labels : int, the largest label number
    embedding : int, width of the label embedding
    modalities : int, output channels
    checkpointing : bool
        Forget the features inside a stage and compute them again on the way back.
    """

    def __init__(
        self,
        shape: Sequence[int],
        widths: Sequence[int],
        latent: int,
        labels: int,
        embedding: int,
        modalities: int,
        checkpointing: bool,
    ) -> None:
        super().__init__()
        self.shapes, self.checkpointing = stage_shapes(shape, len(widths)), checkpointing
        self.embedding = Embedding(labels, embedding)
        self.stem = Stem(latent, widths[0], self.shapes[0])
        self.stages = nn.ModuleList(
            Stage(before + embedding, width, width, normalized=True)
            for before, width in itertools.pairwise([widths[0], *widths])
        )
        self.to_images = nn.ModuleList(Convolution(width, modalities, size=1, gain=1) for width in widths)

    def forward(self, z: torch.Tensor, condition: Condition, stage: int, alpha: float) -> torch.Tensor:
        """Images (B, M, *grid of the stage), float32, 0 outside the brain.

        Parameters
        ----------
        z : Tensor (B, L), drawn from N(0, I)
        condition : Condition, labels on the full grid
        stage : int, from 0
        alpha : float, how far the stage has faded in
        """
        x = pixel_norm(functional.leaky_relu(self.stem(pixel_norm(z)), LEAK))
        images = None
        for number in range(stage + 1):
            if number:
                if number == stage and alpha < 1:
                    images = grow(self.to_images[number - 1](x))
                x = grow(x)
            embedded = self.embedding(condition, self.shapes[number]).to(x.dtype)
            x = _run(self.stages[number], _joined(x, embedded), self.checkpointing)
        own = self.to_images[stage](x)
        images = own if images is None else mixed(images, own, alpha)
        return images.float() * condition.brain(self.shapes[stage])


class Discriminator(nn.Module):
    """Score of images with their label map: the generator's stages mirrored; parameters as there."""

    def __init__(
        self,
        shape: Sequence[int],
        widths: Sequence[int],
        labels: int,
        embedding: int,
        modalities: int,
        checkpointing: bool,
    ) -> None:
        super().__init__()
        self.shapes, self.checkpointing = stage_shapes(shape, len(widths)), checkpointing
        self.embedding = Embedding(labels, embedding)
        self.from_images = nn.ModuleList(Convolution(modalities + embedding, width, size=1) for width in widths)
        self.stages = nn.ModuleList(
            Stage(width, width, before, normalized=False) for before, width in itertools.pairwise(widths)
        )
        self.last = Convolution(widths[0] + 1, widths[0])
        self.hidden = Linear(widths[0] * math.prod(self.shapes[0]), widths[0])
        self.score = Linear(widths[0], 1, gain=1)

    def forward(self, images: torch.Tensor, condition: Condition, stage: int, alpha: float) -> torch.Tensor:
        """Scores (B,), float32, of images (B, M, *grid of the stage) with a `Condition` of labels on the full grid."""
        seen = _joined(images, self.embedding(condition, self.shapes[stage]).to(images.dtype))
        x = functional.leaky_relu(self.from_images[stage](seen), LEAK)
        for number in range(stage, 0, -1):
            x = halve(_run(self.stages[number - 1], x, self.checkpointing))
            if number == stage and alpha < 1:
                coarse = halve(seen)
                x = mixed(functional.leaky_relu(self.from_images[stage - 1](coarse), LEAK), x, alpha)
        x = functional.leaky_relu(self.last(minibatch_deviation(x)), LEAK)
        # narrow layers cost nothing in float32, and their gradients are exact there
        with torch.autocast(x.device.type, enabled=False):
            return self.score(functional.leaky_relu(self.hidden(x.float().flatten(1)), LEAK))[:, 0]


def _joined(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Channels of both, in the memory layout that convolutions are fast in."""
    return torch.cat([x, other], dim=1).contiguous(memory_format=torch.channels_last_3d)


def _run(stage: nn.Module, x: torch.Tensor, checkpointing: bool) -> torch.Tensor:
    return checkpoint(stage, x, use_reentrant=False) if checkpointing and torch.is_grad_enabled() else stage(x)
