"""Where structures lie in the template's space: their frequencies among training subjects, as a start of the logits."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from scipy import ndimage

from ganreg.spatial import warp

# mm; the frequencies of so few subjects say no more on finer grids
COARSEST = 4
# parts of the training subjects; each trains on the frequencies of the others, as a new subject will be met
GROUPS = 5
# a structure that was never seen at a place is not impossible there
LEAST = 1e-4
# standard deviation in voxels of the prior
SMOOTHING = 0.5


def factor(spacing: float) -> int:
    """How many voxels of the working grid lie along one of the prior's: a power of 2, its spacing at most `COARSEST`.

    Parameters
    ----------
    spacing : float, mm
    """
    number = 1
    while 2 * number * spacing <= COARSEST:
        number *= 2
    return number


def shape_of(structures: int, grid: Sequence[int], spacing: float) -> tuple[int, ...]:
    """Shape (U, V, W, K) of the prior of a working grid."""
    return *(side // factor(spacing) for side in grid), structures


def _memberships(labels: torch.Tensor, structures: int, coarser: int) -> torch.Tensor:
    """Shares of structures 1 ... K in the voxels of the prior, (K, U, V, W), from labels (X, Y, Z)."""
    if coarser == 1:
        return torch.stack([labels == index for index in range(1, structures + 1)]).float()
    # one by one: on a fine grid all of them at once take gigabytes
    shares = (functional.avg_pool3d((labels == index)[None].float(), coarser) for index in range(1, structures + 1))
    return torch.cat(list(shares))


def _logarithm(memberships: torch.Tensor) -> torch.Tensor:
    """Logarithm of the smoothed shares (U, V, W, K), half precision, from shares; all alike where there is no brain."""
    memberships = torch.from_numpy(ndimage.gaussian_filter(memberships.numpy(), (0, *[SMOOTHING] * 3), truncate=2))
    inside = memberships.sum(dim=0, keepdim=True).clamp(min=1e-6)
    # a voxel's numbers side by side, as in the logits that they are added to
    return (memberships / inside + LEAST).log().half().permute(1, 2, 3, 0).contiguous()


def log_frequencies(
    labels_of: Callable[[str], torch.Tensor],
    names: Sequence[str],
    structures: int,
    spacing: float,
    mirror_labels: np.ndarray | None = None,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logarithms of structures' frequencies among subjects, and what they are without each subject's group.

    Of a single subject there are no others: all structures are alike then, as in its training.

    Parameters
    ----------
    labels_of : function (subject) -> uint8 Tensor (X, Y, Z), labels in the template's space
    names : list of str, the subjects
    structures : int, number of labels K
    spacing : float, mm
    mirror_labels : uint8 array (K + 1,), or None
        As `labels.mirror_labels` gives it: mirror images are counted, too. None: they are not.

    Returns
    -------
    everyone : float16 Tensor (U, V, W, K)
    without : dict subject -> float16 Tensor (U, V, W, K)
    """
    parts: dict[int, torch.Tensor] = {}
    for place, name in enumerate(names):
        labels = labels_of(name)
        found = _memberships(labels, structures, factor(spacing))
        if mirror_labels is not None:
            mirrored = torch.from_numpy(mirror_labels)[labels.flip(0).long()]
            found += _memberships(mirrored, structures, factor(spacing))
        group = place % GROUPS
        parts[group] = parts[group] + found if group in parts else found
    total = sum(parts.values(), start=torch.tensor(0))
    others = {group: _logarithm((total - part).clamp(min=0)) for group, part in parts.items()}
    everyone = _logarithm(total if len(parts) > 1 else torch.zeros_like(total))
    return everyone, {name: others[place % GROUPS] for place, name in enumerate(names)}


def crop(prior: torch.Tensor, box: tuple[slice, slice, slice], spacing: float) -> torch.Tensor:
    """The prior in a box of the working grid, (1, K, X, Y, Z), float32.

    Parameters
    ----------
    prior : Tensor (U, V, W, K)
    box : tuple of 3 slices of the working grid
    spacing : float, mm
    """
    coarser = factor(spacing)
    if coarser == 1:
        return prior[box].float().permute(3, 0, 1, 2)[None]
    axes = [(torch.arange(side.start, side.stop, device=prior.device) + 0.5) / coarser - 0.5 for side in box]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]
    return warp.sample(prior.float().permute(3, 0, 1, 2)[None], places, padding="border")
