"""Optimization of one pair's velocity at test time, on the two images alone, without any label."""

from collections.abc import Callable

import torch

from ganreg.register import losses, similarity
from ganreg.register.filters import sharpened
from ganreg.register.settings import Refinement
from ganreg.register.velocity import displacement_of
from ganreg.spatial import warp


def refine(
    velocity: torch.Tensor,
    displacement_of: Callable[[torch.Tensor], torch.Tensor],
    fixed: torch.Tensor,
    moving: torch.Tensor,
    settings: Refinement,
) -> torch.Tensor:
    """Minimize dissimilarity + roughness of the change over a stationary velocity, by Adam, from a start.

    Instance optimization, as in Balakrishnan et al. 2019 (doi:10.1109/TMI.2019.2897538). From a network's velocity, a
    start near the pair's optimum, it finds what the network could not learn of this pair; from zero, it is a method
    that has learned nothing. Only the change from the start is kept smooth: what a network learned from labels is not
    smoothed away.

    Parameters
    ----------
    velocity : Tensor (1, 3, U, V, W), voxels of its own grid, half of the images'
    displacement_of : function (velocity) -> displacement (1, 3, X, Y, Z), voxels
    fixed, moving : Tensor (1, 1, X, Y, Z), preprocessed images, 0 outside the brain
    settings : Refinement
        The weights are beside that of MIND's distance, 1; `learning_rate` is, about, a step in voxels of the
        velocity's grid, and falls to zero along half a cosine.

    Returns
    -------
    Tensor (1, 3, U, V, W)
    """
    mask = (fixed > 0).float()
    fixed, moving = (sharpened(image, settings.sharpening) for image in (fixed, moving))
    mind_distance = similarity.mind_distance(fixed, mask)
    information = similarity.negative_mutual_information(fixed, mask)
    velocity = velocity.clone().requires_grad_()
    optimizer = torch.optim.Adam([velocity], lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    start = displacement_of(velocity.detach())
    for _ in range(settings.steps):
        displacement = displacement_of(velocity)
        warped = warp.warp(moving, displacement)
        loss = mind_distance(warped) + settings.mutual_information * information(warped)
        loss = loss + settings.diffusion * losses.diffusion(displacement - start)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return velocity.detach()


def optimize(fixed: torch.Tensor, moving: torch.Tensor, settings: Refinement, integration_steps: int) -> torch.Tensor:
    """Optimize a stationary velocity on two images, from zero: `refine` of nothing.

    Parameters
    ----------
    fixed, moving : Tensor (1, 1, X, Y, Z), preprocessed, on one grid of even sides
    settings : Refinement
    integration_steps : int, squarings

    Returns
    -------
    Tensor (1, 3, X/2, Y/2, Z/2), voxels of its own grid
    """
    start = fixed.new_zeros(1, 3, *(size // 2 for size in fixed.shape[2:]))
    return refine(start, lambda velocity: displacement_of(velocity, integration_steps), fixed, moving, settings)
