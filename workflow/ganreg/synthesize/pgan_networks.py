"""The networks of the progressive GAN (Karras et al. 2018, arXiv:1710.10196), in 3-D and conditioned on a label map.

The latent vector decides at every stage what the image looks like: it changes what each label is to the network, and
scales and shifts each channel (adaptive instance normalization; Karras et al. 2019, arXiv:1812.04948). Noise on each
stage's grid decides the fine anatomy that neither the labels nor the vector tell.

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

from ganreg.synthesize.pgan_condition import Condition, appearance
from ganreg.synthesize.pgan_layers import LEAK, Convolution, Linear, Stem, grow, halve, mixed, pixel_norm, standardized
from ganreg.synthesize.schedule import stage_shapes

# layers of a stage, each with a channel of noise
LAYERS = 2
# when training begins: how much the latent vector changes the numbers of a label, and scales and shifts of channels;
# and the noise that is added to the output of a convolution, of variance 1
CHANGE, STYLE, FIRST_NOISE = 0.3, 0.3, 0.3


class Embedding(nn.Module):
    """What a label is to the networks: a few learned numbers, averaged over the voxels of a coarser grid.

    Parameters
    ----------
    labels : int, the largest label number
    width : int
    latent : int
        Length of a vector that changes the numbers of each label; 0: none.
    """

    def __init__(self, labels: int, width: int, latent: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(labels + 1, width))
        self.change = Linear(latent, (labels + 1) * width, gain=CHANGE) if latent else None

    def forward(self, condition: Condition, shape: tuple[int, ...], z: torch.Tensor | None = None) -> torch.Tensor:
        """Features (B, E, *shape) of a `Condition`, on its labels' grid or a coarser one that divides it."""
        table = self.weight.expand(len(condition.labels), -1, -1)
        if self.change is not None and z is not None:
            table = table + self.change(z).view(table.shape)
        count = table.shape[1]
        if condition.labels.shape[2:] == shape:
            # one-hot memberships of all labels would be the largest tensor of all
            first = count * torch.arange(len(table), device=table.device, dtype=torch.int32).view(-1, 1, 1, 1)
            embedded = functional.embedding(condition.labels[:, 0].int() + first, table.flatten(0, 1))
        else:
            embedded = (condition.memberships(shape, count).flatten(1, 3) @ table).unflatten(1, shape)
        return embedded.movedim(-1, 1)


class Block(nn.Module):
    """Two convolutions with leaky ReLUs: a stage of the discriminator."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Convolution(inputs, middle), Convolution(middle, outputs)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), LEAK)
        return x


class StyledBlock(nn.Module):
    """A stage of the generator: two convolutions with noise and leaky ReLUs, normalized over channels and styled."""

    def __init__(self, inputs: int, outputs: int, latent: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Convolution(inputs, outputs), Convolution(outputs, outputs)])
        self.styles = nn.ModuleList(Linear(latent, 2 * outputs, gain=STYLE) for _ in range(LAYERS))
        self.strength = nn.Parameter(torch.full((LAYERS, outputs), FIRST_NOISE))

    def forward(self, x: torch.Tensor, z: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        """Features of features, the latent vectors (B, L) and noise (B, 2, X, Y, Z); None: without noise."""
        for number, (layer, style) in enumerate(zip(self.layers, self.styles, strict=True)):
            x = layer(x)
            if noise is not None:
                x = x + (self.strength[number].view(-1, 1, 1, 1) * noise[:, number : number + 1]).to(x.dtype)
            scale, shift = style(z).to(x.dtype)[:, :, None, None, None].chunk(2, dim=1)
            x = pixel_norm(functional.leaky_relu(x, LEAK)) * (1 + scale) + shift
        return x


class Generator(nn.Module):
    """Images of all modalities from a latent vector, noise and a label map.

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
        self.embedding = Embedding(labels, embedding, latent)
        self.stem = Stem(latent, widths[0], self.shapes[0])
        self.stages = nn.ModuleList(
            StyledBlock(before + embedding, width, latent) for before, width in itertools.pairwise([widths[0], *widths])
        )
        self.to_images = nn.ModuleList(Convolution(width, modalities, size=1, gain=1) for width in widths)
        # of real images on each grid: averages of voxels vary less than voxels
        self.deviations = nn.Parameter(torch.ones(len(widths), modalities))

    def draw_noise(self, batch: int, stage: int, device: torch.device) -> list[torch.Tensor]:
        """Noise of the stages up to one: tensors (B, 2, *grid of a stage)."""
        return [torch.randn(batch, LAYERS, *shape, device=device) for shape in self.shapes[: stage + 1]]

    def forward(
        self,
        z: torch.Tensor,
        condition: Condition,
        stage: int,
        alpha: float,
        noise: Sequence[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Images (B, M, *grid of the stage), float32, 0 outside the brain: as z-scores, of one mean and deviation each.

        Parameters
        ----------
        z : Tensor (B, L), drawn from N(0, I)
        condition : Condition, labels on the full grid
        stage : int, from 0
        alpha : float, how far the stage has faded in
        noise : list of tensors, as `draw_noise` gives it, or None: without
        """
        x = pixel_norm(functional.leaky_relu(self.stem(z), LEAK))
        images = None
        for number in range(stage + 1):
            if number:
                if number == stage and alpha < 1:
                    images = grow(self.to_images[number - 1](x))
                x = grow(x)
            embedded = self.embedding(condition, self.shapes[number], z).to(x.dtype)
            own_noise = None if noise is None else noise[number]
            x = _run(self.stages[number], self.checkpointing, _joined(x, embedded), z, own_noise)
        own, deviation = self.to_images[stage](x), self.deviations[stage]
        if images is not None:
            own, deviation = mixed(images, own, alpha), mixed(self.deviations[stage - 1], deviation, alpha)
        return deviation.view(-1, 1, 1, 1) * standardized(own.float(), condition.brain(self.shapes[stage]))


class Discriminator(nn.Module):
    """Score of images with their label map: the generator's stages mirrored; parameters as there.

    Without the deviation between the images of a batch, which is none where a batch is one image.
    """

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
        self.stages = nn.ModuleList(Block(width, width, before) for before, width in itertools.pairwise(widths))
        self.last = Convolution(widths[0], widths[0])
        self.hidden = Linear(widths[0] * math.prod(self.shapes[0]), widths[0])
        self.score = Linear(widths[0], 1, gain=1)

    def forward(self, images: torch.Tensor, condition: Condition, stage: int, alpha: float) -> torch.Tensor:
        """Scores (N,), float32, of images (N, M, *grid of the stage) with a `Condition` of labels on the full grid.

        N is a multiple of the labels' number: sets of images, each with those labels.
        """
        embedded = self.embedding(condition, self.shapes[stage]).to(images.dtype)
        seen = _joined(images, embedded.repeat(len(images) // len(embedded), 1, 1, 1, 1))
        x = functional.leaky_relu(self.from_images[stage](seen), LEAK)
        for number in range(stage, 0, -1):
            x = halve(_run(self.stages[number - 1], self.checkpointing, x))
            if number == stage and alpha < 1:
                coarse = halve(seen)
                x = mixed(functional.leaky_relu(self.from_images[stage - 1](coarse), LEAK), x, alpha)
        x = functional.leaky_relu(self.last(x), LEAK)
        # narrow layers cost nothing in float32, and their gradients are exact there
        with torch.autocast(x.device.type, enabled=False):
            return self.score(functional.leaky_relu(self.hidden(x.float().flatten(1)), LEAK))[:, 0]


class Encoder(nn.Module):
    """Which latent vectors an image may have been made from: mean and log-variance of a normal distribution.

    It reads the mean and the deviation of each structure, a style for each region (after Zhu et al. 2020,
    arXiv:1911.12861), and so works on the grid of any stage.

    Parameters
    ----------
    latent : int
    labels : int, the largest label number
    modalities : int
    """

    def __init__(self, latent: int, labels: int, modalities: int) -> None:
        super().__init__()
        self.labels, width = labels, 2 * latent
        self.hidden = Linear(2 * modalities * labels, width)
        self.output = Linear(width, 2 * latent, gain=1)

    def forward(self, found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and log-variances (B, L) from `appearance` (B, labels, 2 M)."""
        hidden = functional.leaky_relu(self.hidden(found.flatten(1)), LEAK)
        mean, log_variance = self.output(hidden).chunk(2, dim=1)
        return mean, log_variance

    def appearance(self, images: torch.Tensor, condition: Condition) -> torch.Tensor:
        """`pgan_condition.appearance` of all structures."""
        return appearance(images, condition, self.labels)


def _joined(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Channels of both, in the memory layout that convolutions are fast in."""
    return torch.cat([x, other], dim=1).contiguous(memory_format=torch.channels_last_3d)


def _run(stage: nn.Module, checkpointing: bool, *inputs: torch.Tensor | None) -> torch.Tensor:
    if checkpointing and torch.is_grad_enabled():
        return checkpoint(stage, *inputs, use_reentrant=False)
    return stage(*inputs)
