"""How a progressive network grows (Karras et al. 2018): stage and fade-in as pure functions of the images seen.

The first stage has nothing to fade from.
"""

import itertools
from collections.abc import Sequence

from ganreg.errors import InputError
from ganreg.synthesize.settings import Stage

# narrower grids than this carry no anatomy, and bfloat16 gradients on CPU break below 3
SMALLEST_SIDE = 4


def stage_shapes(shape: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """Grid of each stage, the last one `shape`, each half of the next.

    Parameters
    ----------
    shape : (X, Y, Z)
    count : int, number of stages

    Returns
    -------
    list of (X, Y, Z): [40, 48, 40] in 4 stages begins at 5, 6, 5; [160, 224, 192] in 6 stages at 5, 7, 6.

    Raises
    ------
    InputError
        If a side cannot be halved so often, or the first grid is too narrow.
    """
    factor = 2 ** (count - 1)
    if any(side % factor for side in shape) or min(shape) // factor < SMALLEST_SIDE:
        expected = f"expected stages that halve the grid {list(shape)} to {SMALLEST_SIDE} or more voxels a side"
        raise InputError(f"stages: {expected}, found {count} stages")
    return [tuple(side // 2 ** (count - 1 - stage) for side in shape) for stage in range(count)]


def _length(stage: Stage) -> int:
    return stage.fade_in + stage.steady


def position(images: int, stages: Sequence[Stage]) -> tuple[int, float]:
    """Stage (from 0) and fade-in `alpha` after so many images.

    Alpha rises linearly from 0 at a stage's beginning to 1 after `fade_in` images, and stays there; it is 1 all through
    the first stage. After the last image the last stage stands.
    """
    for number, stage in enumerate(stages):
        if images < _length(stage) or number == len(stages) - 1:
            fading = number > 0 and images < stage.fade_in
            return number, images / stage.fade_in if fading else 1.0
        images -= _length(stage)
    raise AssertionError("unreachable: the last stage always returns")


def ends(images: int, stages: Sequence[Stage]) -> bool:
    """Whether a stage ends after so many images."""
    return images in itertools.accumulate(map(_length, stages))


def batch_sizes(stages: Sequence[Stage]) -> list[int]:
    """Images of each training step; the last batch of a stage is what is left of it, so that stages end on time."""
    sizes: list[int] = []
    for stage in stages:
        whole, rest = divmod(_length(stage), stage.batch)
        sizes += [stage.batch] * whole + ([rest] if rest else [])
    return sizes
