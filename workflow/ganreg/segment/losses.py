"""Losses of segmentation, and between label memberships."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional


def soft_dice_loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """1 - mean soft Dice over the structures present in either map; 0 where none is.

    Parameters
    ----------
    first, second : Tensor (B, K, X, Y, Z), memberships between 0 and 1
    """
    axes = (0, 2, 3, 4)
    overlap = (first * second).sum(dim=axes)
    total = first.sum(dim=axes) + second.sum(dim=axes)
    present = total > 0
    return (1 - 2 * overlap[present] / total[present]).sum() / present.sum().clamp(min=1)


def class_weights(name: str, counts: npt.ArrayLike) -> torch.Tensor:
    """Weights of the classes in the cross-entropy.

    Parameters
    ----------
    name : none, or sqrt_inverse: one over the square root of the class's frequency
    counts : array (K,), voxels of each class

    Returns
    -------
    float32 Tensor (K,): mean 1 over the voxels, 0 for a class that has none.
    """
    frequency = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    present = frequency > 0
    weights = present.astype(np.float64)
    if name == "sqrt_inverse":
        weights[present] = 1 / np.sqrt(frequency[present])
    return torch.from_numpy(weights / (weights * frequency).sum()).float()


def loss_function(
    dice: float, weights: torch.Tensor
) -> Callable[[torch.nn.Module, dict[str, Any]], tuple[torch.Tensor, torch.Tensor]]:
    """The loss of a batch: cross-entropy over the brain's voxels (Eq. 2), plus a Dice term.

    Parameters
    ----------
    dice : float, weight of the Dice term
    weights : Tensor (K,), of the classes, as `class_weights` gives them

    Returns
    -------
    function (model, batch) -> (loss, logits (1, K, X, Y, Z))
    """

    def loss_of(model: torch.nn.Module, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        logits = model(batch["images"], batch.get("prior"))
        with torch.autocast(logits.device.type, enabled=False):
            inside = batch["labels"][0, 0] > 0
            found = logits[0].permute(1, 2, 3, 0)[inside].float()
            wanted = batch["labels"][0, 0][inside].long() - 1
            loss = functional.cross_entropy(found, wanted, weights.to(found))
            if dice:
                memberships = functional.softmax(found, dim=1), functional.one_hot(wanted, found.shape[1])
                loss = loss + dice * soft_dice_loss(*(each.T[None, :, :, None, None] for each in memberships))
        return loss, logits

    return loss_of
