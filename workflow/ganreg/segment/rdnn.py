"""The recurrent segmentation network (RDNN): a 2-D network over slices with memory along the slice axis.

After Qiu et al. 2021 (the paper's reference for its RDNN): a shared encoder-decoder sees one axial slice at a time, and
a hidden state carries what it saw from slice to slice; here in both directions, as a convolutional GRU.

Inside the network slices come before their axes, (B, C, Z, X, Y), and 2-D convolutions are 3-D ones of kernel 1x3x3.
"""

import itertools

import torch
import torch.nn.functional as functional
from torch import nn

LEAK = 0.2
GROUPS = 4


class Convolution(nn.Conv3d):
    """3x3 convolution of every slice, padded."""

    def __init__(self, inputs, outputs, stride=1, groups=1):
        super().__init__(inputs, outputs, (1, 3, 3), (1, stride, stride), padding=(0, 1, 1), groups=groups)
        # torch's own start lets the signal shrink layer by layer
        nn.init.kaiming_normal_(self.weight, a=LEAK)
        nn.init.zeros_(self.bias)


class SliceNorm(nn.GroupNorm):
    """Group normalisation of every slice on its own: it works for any number of slices, and none sees another."""

    def __init__(self, channels):
        super().__init__(GROUPS, channels)

    def forward(self, x):
        slices = super().forward(x.transpose(1, 2).flatten(0, 1))
        return slices.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)


def _block(inputs, outputs, stride=1):
    return nn.Sequential(Convolution(inputs, outputs, stride), SliceNorm(outputs), nn.LeakyReLU(LEAK))


def _double(x):
    """Twice the size of every slice."""
    return functional.interpolate(x, scale_factor=(1.0, 2.0, 2.0), mode="nearest")


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

    def __init__(self, channels):
        super().__init__()
        self.inputs = Convolution(channels, 3 * channels)
        # a group a direction, so that both run in one loop
        self.hidden = Convolution(channels, 3 * channels, groups=2)
        nn.init.orthogonal_(self.hidden.weight.view(3 * channels, -1))

    def forward(self, x):
        """Hidden states (B, C, Z, X, Y) of features (B, C, Z, X, Y)."""
        batch, channels, depth, *plane = x.shape
        inputs = self.inputs(x).view(batch, 2, -1, depth, *plane)
        # the second direction starts at the last slice
        inputs = torch.stack([inputs[:, 0], inputs[:, 1].flip(2)], dim=1).float()
        # the state is a long sum of small steps: bfloat16 would not do
        with torch.autocast(x.device.type, enabled=False):
            state = inputs.new_zeros(batch, 2, channels // 2, *plane)
            states = []
            for step in inputs.unbind(3):
                change = self.hidden(state.view(batch, channels, 1, *plane)).view(step.shape)
                (reset, update, new), (reset_h, update_h, new_h) = step.chunk(3, dim=2), change.chunk(3, dim=2)
                update = torch.sigmoid(update + update_h)
                new = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
                state = new + update * (state - new)
                states.append(state)
        up, down = torch.stack(states, dim=3).unbind(1)
        return torch.cat([up, down.flip(2)], dim=1)


class SliceConvolutions(nn.Sequential):
    """Two convolutions with as many weights as `SliceGRU` and no memory: the ablation.

    Parameters
    ----------
    channels : int, a multiple of 4
    """

    def __init__(self, channels):
        # 9 C 3C + 9 C/2 3C in the GRU, 2 x 9 C (9/4 C) here
        inner = GROUPS * round(channels * 9 / 4 / GROUPS)
        super().__init__(_block(channels, inner), Convolution(inner, channels), nn.Tanh())


class RDNN(nn.Module):
    """Segmentation of axial slices, with context along the slice axis at the bottleneck.

    Every stage of the decoder adds to the logits of the one before, doubled in size: the coarse ones learn first, where
    structures lie, the fine ones their outlines.

    Parameters
    ----------
    inputs : int, number of modalities
    structures : int, number of classes; there is none for the background, which the brain mask tells
    features : list of ints
        Width of each stage, multiples of 4; the first at full size, every other halves the slice.
    recurrent : bool
        False: `SliceConvolutions` in the place of `SliceGRU`.
    """

    # as `register.networks.RegistrationUNet`
    memory_format = torch.contiguous_format

    def __init__(self, inputs, structures, features, recurrent=True):
        super().__init__()
        self.multiple = 2 ** (len(features) - 1)
        self.first = _block(inputs, features[0])
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in itertools.pairwise(features)
        )
        self.context = (SliceGRU if recurrent else SliceConvolutions)(features[-1])
        turned = list(reversed(features))
        self.up = nn.ModuleList(_block(a + b, b) for a, b in itertools.pairwise(turned))
        self.heads = nn.ModuleList(nn.Conv3d(width, structures, 1) for width in turned)

    def _stages(self, images):
        """Features (B, C, Z, X', Y') of each stage of the encoder, the slices padded to a multiple of `multiple`."""
        width, height = images.shape[2:4]
        x = functional.pad(images, (0, 0, 0, -height % self.multiple, 0, -width % self.multiple))
        features = [self.first(x.permute(0, 1, 4, 2, 3))]
        for layer in self.down:
            features.append(layer(features[-1]))
        return features

    def encode(self, images):
        """Features (B, C, Z, X', Y') of the encoder's last stage from images as `forward` takes them."""
        return self._stages(images)[-1]

    def forward(self, images):
        """Logits (B, K, X, Y, Z) of the structures from images (B, M, X, Y, Z), z-scores with background 0."""
        width, height = images.shape[2:4]
        *features, x = self._stages(images)
        x = x + self.context(x)
        logits = self.heads[0](x)
        for layer, head in zip(self.up, self.heads[1:], strict=True):
            x = layer(torch.cat([_double(x), features.pop()], dim=1))
            logits = _double(logits) + head(x)
        return logits.permute(0, 1, 3, 4, 2)[:, :, :width, :height]
