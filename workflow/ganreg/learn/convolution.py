"""3-D convolution of a single item that stays fast in float32 on a CPU."""

import math

import torch
import torch.nn.functional as functional

# torch (2.13) gives float32 convolutions of a single item to oneDNN only from so many values on, the last axis not
# counted; its own loop, which narrower ones get, takes up to ten times as long
LEAST = 20480


def _has_slow_path(x: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether torch would not ask oneDNN."""
    narrow = len(x) == 1 and math.prod(x.shape[:4]) <= LEAST and weight.shape[2] > 1
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return narrow and plain and torch.backends.mkldnn.is_available()


def conv3d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, stride: int = 1) -> torch.Tensor:
    """Convolution (B, O, X / stride, Y / stride, Z / stride) of features (B, C, X, Y, Z), of size 3, padded, or 1.

    Where torch has a slow path for a single item, its two halves along an axis, if they are equal, pose as a batch of
    two: oneDNN takes those, their gradients, and the gradients' gradients. The result is the same but for rounding.

    Parameters
    ----------
    x : Tensor (B, C, X, Y, Z)
    weight : Tensor (O, C, K, K, K), K 3 or 1
    bias : Tensor (O,), or None
    stride : int
    """
    padding = weight.shape[2] // 2
    even = [axis for axis in (2, 3, 4) if x.shape[axis] % (2 * stride) == 0]
    if not even or not _has_slow_path(x, weight):
        return functional.conv3d(x, weight, bias, stride, padding)
    axis = even[0]
    half = x.shape[axis] // stride // 2
    # the last axis first, as torch counts
    ends = [0] * 6
    ends[2 * (4 - axis)] = ends[2 * (4 - axis) + 1] = 1
    padded = functional.pad(x, ends)
    length = (half - 1) * stride + 3
    halves = torch.cat([padded.narrow(axis, start, length) for start in (0, half * stride)])
    result = functional.conv3d(halves, weight, bias, stride, [int(each != axis) for each in (2, 3, 4)])
    return torch.cat(result.chunk(2), dim=axis)
