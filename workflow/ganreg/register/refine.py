"""Refinement of one pair at test time: its velocity is optimized on the two images alone, without any label."""

from collections.abc import Callable

import torch

from ganreg.register import losses, similarity
from ganreg.register.filters import sharpened
from ganreg.register.settings import Refinement
from ganreg.spatial import warp


def refine(
    velocity: torch.Tensor,
    displacement_of: Callable[[torch.Tensor], torch.Tensor],
    fixed: torch.Tensor,
    moving: torch.Tensor,
    settings: Refinement,
) -> torch.Tensor:
    """Minimize dissimilarity + roughness of the change over a stationary velocity, by Adam, from a network's proposal.

    What the network gives is a start near the pair's optimum, and the optimization what the network could not learn of
    this pair (instance optimization, as in Balakrishnan et al. 2019, doi:10.1109/TMI.2019.2897538). Only the change
    from the start is kept smooth: what the network learned from labels is not smoothed away.

    Parameters
    ----------
    velocity : Tensor (1, 3, U, V, W), voxels of its own grid, half of the one that the network reads
    displacement_of : function (velocity) -> displacement (1, 3, X, Y, Z), voxels
    fixed, moving : Tensor (1, 1, X, Y, Z), preprocessed images, 0 outside the brain
    settings : Refinement
        The weights are beside that of MIND's distance, 1; `learning_rate` is, about, a step in voxels of the
        velocity's grid.

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
    start = displacement_of(velocity.detach())
    for _ in range(settings.steps):
        displacement = displacement_of(velocity)
        warped = warp.warp(moving, displacement)
        loss = mind_distance(warped) + settings.mutual_information * information(warped)
        loss = loss + settings.diffusion * losses.diffusion(displacement - start)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return velocity.detach()
