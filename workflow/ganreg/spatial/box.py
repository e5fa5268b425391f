"""The part of a grid that holds a brain."""

from collections.abc import Sequence

import torch


def brain_box(mask: torch.Tensor, margins: int | Sequence[int], step: int = 1) -> tuple[slice, slice, slice]:
    """Slices of the box around the voxels above 0, to crop a volume as ``volume[(..., *box)]``.

    Parameters
    ----------
    mask : Tensor (..., X, Y, Z), labels or a mask; one box for all of a batch
    margins : int, or one for each axis
        Voxels around, as far as the grid goes.
    step : int
        Starts and stops are multiples of it, for which the margin grows; it divides the grid's sizes.

    Returns
    -------
    tuple of 3 slices
    """
    shape = mask.shape[-3:]
    margins = (margins,) * 3 if isinstance(margins, int) else margins
    places = (mask.reshape(-1, *shape) > 0).any(dim=0).nonzero()
    box = []
    for first, last, margin, size in zip(
        places.amin(dim=0).tolist(), places.amax(dim=0).tolist(), margins, shape, strict=True
    ):
        start, stop = max(first - margin, 0), min(last + 1 + margin, size)
        box.append(slice(start // step * step, -(-stop // step) * step))
    return box[0], box[1], box[2]
