"""Pairs whose displacement is known: the modalities of one subject, each under a random diffeomorphism."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ganreg.register.settings import KnownDeformation
from ganreg.register.velocity import displacement_of
from ganreg.spatial import warp
from ganreg.spatial.deform import random_displacement
from ganreg.spatial.settings import Deformation
from ganreg.spatial.variation import Variation

# squarings: a velocity's inverse is its negative only where integration is exact
INTEGRATION_STEPS = 6


# (random generator, shape, spacing in mm) of the images -> velocity (1, 3, X/2, Y/2, Z/2), voxels of its own grid
DrawVelocity = Callable[[np.random.Generator, Sequence[int], Sequence[float]], torch.Tensor]


def random_velocity(
    rng: np.random.Generator, shape: Sequence[int], spacing: Sequence[float], settings: KnownDeformation
) -> torch.Tensor:
    """Draw a stationary velocity, a sum of cubic splines, at half size.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (X, Y, Z), even, of the images
    spacing : (3,), mm, of the images
    settings : KnownDeformation

    Returns
    -------
    Tensor (1, 3, X/2, Y/2, Z/2), voxels of its own grid
    """
    half, twice = [size // 2 for size in shape], [2 * each for each in spacing]
    velocity = torch.zeros(1, 3, *half)
    for scale in settings.scales:
        spline = Deformation(
            rotation_deg=0,
            scale=0,
            translation_mm=0,
            elastic_spacing_mm=scale.spacing_mm,
            elastic_sd_mm=scale.sd_mm,
        )
        velocity += random_displacement(rng, half, twice, spline)
    return velocity


def velocities_of(settings: KnownDeformation, variation: Variation | None) -> DrawVelocity:
    """What draws velocities: as subjects vary, where that is given, or else splines."""

    def draw(rng: np.random.Generator, shape: Sequence[int], spacing: Sequence[float]) -> torch.Tensor:
        return variation.velocity(rng) if variation else random_velocity(rng, shape, spacing, settings)

    return draw


def random_box(rng: np.random.Generator, mask: torch.Tensor, box: Sequence[int]) -> tuple[slice, ...]:
    """A random place for a box in the brain, from an even voxel on along each axis.

    Parameters
    ----------
    rng : numpy.random.Generator
    mask : Tensor (1, 1, X, Y, Z) of even sides
    box : (U, V, W), even, voxels; a side that is longer than the grid's is the grid's

    Returns
    -------
    slices along the three axes
    """
    inside, places = torch.nonzero(mask[0, 0]), []
    for axis, (side, size) in enumerate(zip(box, mask.shape[2:], strict=True)):
        first, last = int(inside[:, axis].min()), int(inside[:, axis].max()) + 1
        origin = min(int(rng.integers(first, max(first, last - side) + 1)), max(size - side, 0)) // 2 * 2
        places.append(slice(origin, min(origin + side, size)))
    return tuple(places)


def known_pair(
    fixed: Sequence[torch.Tensor], moving: Sequence[torch.Tensor], velocities: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
    """Warp two aligned subjects by two diffeomorphisms, and tell what leads from one to the other.

    Parameters
    ----------
    fixed, moving : image, mask and, where they are wanted, labels, each a Tensor (1, 1, X, Y, Z), on one grid, aligned
    velocities : two Tensors (1, 3, X/2, Y/2, Z/2), of the fixed and of the moving one

    Returns
    -------
    fixed, moving : the same, warped; images are 0 outside the mask
    displacement : Tensor (1, 3, X, Y, Z), voxels
        The moving image warped by it lies on the fixed image.
    """
    forward = [displacement_of(velocity, INTEGRATION_STEPS) for velocity in velocities]
    warped = []
    for (image, mask, *maps), displacement in zip((fixed, moving), forward, strict=True):
        inside = (warp.warp(mask, displacement) > 0.5).float()
        labels = [warp.warp_labels(each[0, 0], displacement)[None, None] for each in maps]
        warped.append([warp.warp(image, displacement) * inside, inside, *labels])
    # fixed(x) = F(p(x)) and moving(y) = M(q(y)): x lies at y = q^-1(p(x))
    inverse = displacement_of(-velocities[1], INTEGRATION_STEPS)
    return warped[0], warped[1], warp.compose(inverse, forward[0])
