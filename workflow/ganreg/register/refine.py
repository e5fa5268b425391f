"""Refinement of one pair at test time: its velocity is optimised on the two images alone, without any label."""

import torch

from ganreg.register import losses
from ganreg.spatial import warp


def refine(velocity, displacement_of, fixed, moving, options):
    """Minimise similarity + diffusion over a stationary velocity, by Adam, from the one that a network proposes.

    What the network gives is a start near the pair's optimum, and the optimisation what the network could not learn of
    this pair (instance optimisation, as in Balakrishnan et al. 2019, doi:10.1109/TMI.2019.2897538).

    Parameters
    ----------
    velocity : Tensor (1, 3, U, V, W), voxels of its own grid, half of the one that the network looks at
    displacement_of : function (velocity) -> displacement (1, 3, X, Y, Z), voxels
    fixed, moving : Tensor (1, 1, X, Y, Z), preprocessed images, 0 outside the brain
    options : dict, block `refinement`
        `similarity`, `diffusion` (weight), `steps`, `learning_rate` (voxels of the velocity's grid, about, a step).

    Returns
    -------
    Tensor (1, 3, U, V, W)
    """
    similarity = losses.similarity_to(options["similarity"], fixed, (fixed > 0).float())
    velocity = velocity.clone().requires_grad_()
    optimiser = torch.optim.Adam([velocity], lr=options["learning_rate"])
    for _ in range(options["steps"]):
        displacement = displacement_of(velocity)
        loss = similarity(warp.warp(moving, displacement))
        loss = loss + options["diffusion"] * losses.diffusion(displacement)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return velocity.detach()
