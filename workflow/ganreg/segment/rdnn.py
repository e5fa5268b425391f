"""The recurrent segmentation network (RDNN): a 2-D network over slices with memory along the slice axis.

After Qiu et al. 2021 (the paper's reference for its RDNN): a shared encoder-decoder sees one axial slice at a time, and
a hidden state carries what it saw from slice to slice; here in both directions, as a convolutional GRU.

Inside the network slices are the batch, (B Z, C, X, Y): those of a subject one after the other.
"""

import itertools
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as functional
from torch import nn

from ganreg.learn.base import Network
from ganreg.segment.prior import shape_of
from ganreg.segment.settings import RdnnModel

LEAK = 0.2
GROUPS = 4


class Convolution(nn.Conv2d):
    """3x3 convolution, padded."""

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, padding=1, groups=groups)
        # torch's own start lets the signal shrink layer by layer
        nn.init.kaiming_normal_(self.weight, a=LEAK)
        nn.init.zeros_(self.bias)


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    # every slice is normalized on its own: it works for any number of slices, and none sees another
    return nn.Sequential(Convolution(inputs, outputs, stride), nn.GroupNorm(GROUPS, outputs), nn.LeakyReLU(LEAK))


class Head(nn.Conv2d):
    """Logits of a stage's features, in float32: bfloat16 would round those of 4 to 8 to .03, and they are summed."""

    def __init__(self, inputs: int, structures: int) -> None:
        super().__init__(inputs, structures, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


def _double(x: torch.Tensor) -> torch.Tensor:
    """Twice the size of every slice."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class SliceGRU(nn.Module):
    """Bidirectional convolutional GRU along the slices (Ballas et al. 2016, arXiv:1511.06432; gates as in cuDNN's GRU).

    Half of the channels go up, half go down. With x_t the features of slice t, h the hidden state, * convolution and .
    the product of elements::

        r, z = sigmoid(W_rz * x_t + U_rz * h)
        n = tanh(W_n * x_t + r . (U_n * h))
        h = (1 - z) . n + z . h

    Parameters
    ----------
    channels : int, a multiple of 4
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inputs = Convolution(channels, 3 * channels)
        # a group a direction, so that both run in one loop
        self.hidden = Convolution(channels, 3 * channels, groups=2)
        nn.init.orthogonal_(self.hidden.weight.view(3 * channels, -1))

    def forward(self, x: torch.Tensor, subjects: int) -> torch.Tensor:
        """Hidden states (B Z, C, X, Y) of features (B Z, C, X, Y) of so many subjects B."""
        plane = x.shape[2:]
        inputs = self.inputs(x).float().unflatten(0, (subjects, -1)).unflatten(2, (2, -1))
        # the second direction starts at the last slice
        inputs = torch.stack([inputs[:, :, 0], inputs[:, :, 1].flip(1)], dim=2)
        # the state is a long sum of small steps: bfloat16 would not do
        with torch.autocast(x.device.type, enabled=False):
            state = inputs.new_zeros(subjects, 2, x.shape[1] // 2, *plane)
            states = []
            for step in inputs.unbind(1):
                change = self.hidden(state.flatten(1, 2)).view(step.shape)
                (reset, update, new), (reset_h, update_h, new_h) = step.chunk(3, dim=2), change.chunk(3, dim=2)
                update = torch.sigmoid(update + update_h)
                new = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
                state = new + update * (state - new)
                states.append(state)
        up, down = torch.stack(states, dim=1).unbind(2)
        return torch.cat([up, down.flip(1)], dim=2).flatten(0, 1)


class SliceConvolutions(nn.Sequential):
    """Two convolutions with as many weights as `SliceGRU` and no memory: the ablation.

    Parameters
    ----------
    channels : int, a multiple of 4
    """

    def __init__(self, channels: int) -> None:
        # 9 C 3C + 9 C/2 3C in the GRU, 2 x 9 C (9/4 C) here
        inner = GROUPS * round(channels * 9 / 4 / GROUPS)
        super().__init__(_block(channels, inner), Convolution(inner, channels), nn.Tanh())

    def forward(self, x: torch.Tensor, subjects: int = 1) -> torch.Tensor:
        """As `SliceGRU`, each slice on its own."""
        return super().forward(x)


class RDNN(Network):
    """Segmentation of axial slices, with context along the slice axis at the bottleneck.

    Every stage of the decoder adds to the logits of the one before, doubled in size: the coarse ones learn first, where
    structures lie, the fine ones their outlines. With a prior (`segment.prior`) the logits start from it, so that the
    network has to learn no more than how a subject differs from the others.

    Parameters
    ----------
    inputs : int, number of modalities
    structures : int, number of classes; there is none for the background, which the brain mask tells
    features : list of ints
        Width of each stage, multiples of 4; the first at full size, every other halves the slice.
    recurrent : bool
        False: `SliceConvolutions` in the place of `SliceGRU`.
    prior : Tensor (U, V, W, K), or None
        Kept with the weights as `prior`; callers pass `forward` what of it belongs to their slices.
    """

    # convolutions in bfloat16 twice as fast as contiguous (torch 2.13, CPU); group norm is slow in 3-D alone
    memory_format = torch.channels_last
    output_layers = ("heads",)
    prior: torch.Tensor | None

    def __init__(
        self,
        inputs: int,
        structures: int,
        features: Sequence[int],
        recurrent: bool = True,
        prior: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.multiple = 2 ** (len(features) - 1)
        self.first = _block(inputs, features[0])
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in itertools.pairwise(features)
        )
        self.context = (SliceGRU if recurrent else SliceConvolutions)(features[-1])
        upwards = list(reversed(features))
        self.up = nn.ModuleList(_block(a + b, b) for a, b in itertools.pairwise(upwards))
        self.heads = nn.ModuleList(Head(width, structures) for width in upwards)
        self.register_buffer("prior", prior)

    def _stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Features (B Z, C, X', Y') of each stage of the encoder, the slices padded to a multiple of `multiple`."""
        width, height = images.shape[2:4]
        x = functional.pad(images, (0, 0, 0, -height % self.multiple, 0, -width % self.multiple))
        x = x.permute(0, 4, 1, 2, 3).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        features = [self.first(x)]
        for layer in self.down:
            features.append(layer(features[-1]))
        return features

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B Z, C, X', Y') of the encoder's last stage from images as `forward` takes them."""
        return self._stages(images)[-1]

    def forward(self, images: torch.Tensor, prior: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (B, K, X, Y, Z) of the structures.

        Parameters
        ----------
        images : Tensor (B, M, X, Y, Z), z-scores with background 0
        prior : Tensor (B, K, X, Y, Z), or None
        """
        subjects, _, width, height, _ = images.shape
        *features, x = self._stages(images)
        logits = self._decode(features, x + self.context(x, subjects))
        logits = logits.unflatten(0, (subjects, -1)).permute(0, 2, 3, 4, 1)[:, :, :width, :height]
        return logits if prior is None else logits + prior

    def _decode(self, features: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Logits (B Z, K, X', Y') from the features of all stages, the last ones with their context."""
        logits = self.heads[0](x)
        for layer, head, skipped in zip(self.up, self.heads[1:], reversed(features), strict=True):
            x = layer(torch.cat([_double(x), skipped], dim=1))
            logits = _double(logits) + head(x)
        return logits

    def by_slices(self, images: torch.Tensor, count: int) -> Iterator[tuple[slice, torch.Tensor]]:
        """Logits (1, K, X, Y, Z') of one subject, of so many slices at a time, without a prior.

        Together they are what `forward` gives, in less memory: the decoder's layers never hold a whole subject.

        Parameters
        ----------
        images : Tensor (1, M, X, Y, Z), z-scores with background 0
        count : int

        Yields
        ------
        slice of the third axis, logits there
        """
        width, height, depth = images.shape[2:]
        runs = [slice(first, first + count) for first in range(0, depth, count)]
        stages = [self._stages(images[..., run]) for run in runs]
        x = torch.cat([features.pop() for features in stages])
        x = x + self.context(x, 1)
        for run, features, last in zip(runs, stages, x.split(count), strict=True):
            yield run, self._decode(features, last).permute(1, 2, 3, 0)[None, :, :width, :height]
            # as many as are left
            features.clear()


def build(model: RdnnModel, structures: int) -> RDNN:
    """An untrained RDNN for so many structures; its prior, if it has one, is still 0."""
    settings, empty = model.settings, None
    if settings.prior:
        shape = shape_of(structures, model.grid.shape, model.grid.spacing)
        empty = torch.zeros(shape, dtype=torch.float16)
    return RDNN(len(model.modalities), structures, settings.features, model.recurrent, empty)
