"""Refinement of one pair at test time: its velocity is optimised on the two images alone, without any label."""

import torch

from ganreg.register import losses
from ganreg.spatial import warp


def refine(velocity, displacement_of, fixed, moving, options):
    """Minimise dissimilarity + roughness of the change over a stationary velocity, by Adam, from a network's proposal.

    What the network gives is a start near the pair's optimum, and the optimisation what the network could not learn of
    this pair (instance optimisation, as in Balakrishnan et al. 2019, doi:10.1109/TMI.2019.2897538). Only the change
    from the start is kept smooth: what the network learned from labels is not smoothed away.

    Parameters
    ----------
    velocity : Tensor (1, 3, U, V, W), voxels of its own grid, half of the one that the network looks at
    displacement_of : function (velocity) -> displacement (1, 3, X, Y, Z), voxels
    fixed, moving : Tensor (1, 1, X, Y, Z), preprocessed images, 0 outside the brain
    options : dict, block `refinement`
        `mutual_information`: its weight beside MIND's distance, which has 1; `diffusion`: weight of the diffusion of
        the displacement's change; `sharpening`, of the images that are compared; `steps`; `learning_rate` (voxels of
        the velocity's grid, about, a step).

    Returns
    -------
    Tensor (1, 3, U, V, W)
    """
    mask = (fixed > 0).float()
    fixed, moving = (losses.sharpened(image, options["sharpening"]) for image in (fixed, moving))
    mind, information = (losses.similarity_to(name, fixed, mask) for name in ("mind", "mi"))
    velocity = velocity.clone().requires_grad_()
    optimiser = torch.optim.Adam([velocity], lr=options["learning_rate"])
    start = displacement_of(velocity.detach())
    for _ in range(options["steps"]):
        displacement = displacement_of(velocity)
        warped = warp.warp(moving, displacement)
        loss = mind(warped) + options["mutual_information"] * information(warped)
        loss = loss + options["diffusion"] * losses.diffusion(displacement - start)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return velocity.detach()
