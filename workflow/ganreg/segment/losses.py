"""Losses between label memberships."""


def soft_dice_loss(first, second):
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
