"""The label map that conditions the progressive GAN: what its networks ask of it on the grid of each stage."""

import math

import torch

from ganreg.synthesize.pgan_layers import grow, halve, mixed, shrink

# of a voxel: less of a brain or a structure than this is none
LEAST_SHARE = 1e-6


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

    def sizes(self, count: int) -> torch.Tensor:
        """Share of each of the structures 1 ... `count` in the brain: (B, count, 1), float32."""
        voxels = self.sums(torch.ones_like(self.labels, dtype=torch.float32), count + 1)[:, 1:]
        return voxels / voxels.sum(dim=1, keepdim=True).clamp(min=1)

    def sums(self, values: torch.Tensor, count: int) -> torch.Tensor:
        """Sum of values (B, C, *grid of a stage) over each of `count` labels: (B, count, C), float32."""
        batch, channels, *shape = values.shape
        rows = values.float().flatten(2).mT
        if tuple(shape) != self.labels.shape[2:]:
            return self.memberships(tuple(shape), count).flatten(1, 3).mT @ rows
        # one-hot memberships of all labels would be the largest tensor of all
        place = self.labels.flatten(1).long() + count * torch.arange(batch, device=values.device)[:, None]
        empty = torch.zeros(batch * count, channels, device=values.device)
        return empty.index_add(0, place.flatten(), rows.flatten(0, 1)).view(batch, count, channels)


def appearance(images: torch.Tensor, condition: Condition, count: int) -> torch.Tensor:
    """What images look like apart from their anatomy: mean and standard deviation of each structure.

    Parameters
    ----------
    images : Tensor (B, M, *grid of a stage)
    condition : Condition
    count : int, structures 1 ... `count`

    Returns
    -------
    Tensor (B, count, 2 M), float32: means of all modalities, then deviations; 0 where there is no such structure
    """
    ones = torch.ones_like(images[:, :1])
    sums = condition.sums(torch.cat([ones, images, images.float().square()], dim=1), count + 1)[:, 1:]
    size, first, second = sums.split([1, images.shape[1], images.shape[1]], dim=2)
    means, squares = (each / size.clamp(min=LEAST_SHARE) for each in (first, second))
    deviations = ((squares - means.square()).clamp(min=0) + 1e-4).sqrt()
    return torch.cat([means, deviations], dim=2) * (size > LEAST_SHARE)


def blended(images: torch.Tensor, condition: Condition, alpha: float) -> torch.Tensor:
    """Real images as a stage that fades in sees them: partly at the resolution of the stage before.

    The generator multiplies what it has blended by the brain of the stage's grid; so must this, or the discriminator
    tells real images by their rim.

    Parameters
    ----------
    images : Tensor (B, M, *grid of the stage), 0 outside the brain
    condition : Condition
    alpha : float, how far the stage has faded in
    """
    if alpha >= 1:
        return images
    shape = tuple(images.shape[2:])
    brain = condition.brain(shape)
    # of the brain alone in each coarse voxel, as the generator's images are before they are multiplied
    within = halve(images) / halve(brain).clamp(min=LEAST_SHARE)
    return mixed(grow(within) * brain, images, alpha)
