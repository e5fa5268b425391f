"""Deformations as subjects vary: principal components of their velocities from the template."""

from collections.abc import Sequence

import numpy as np
import torch

from ganreg.errors import InputError
from ganreg.spatial import warp

INTEGRATION_STEPS = 6


class Variation:
    """A normal distribution of stationary velocities with the covariance of some subjects' velocities.

    Statistics on stationary velocities after Arsigny et al. 2006 (doi:10.1007/11866565_113) and, of their principal
    components, Rueckert et al. 2003 (doi:10.1109/TMI.2003.815865). The mean is left out, which is how all differ from
    the template: two draws differ as two subjects do.

    Parameters
    ----------
    velocities : float32 array (N, 3, U, V, W), voxels of their own grid
    components : int
        The first so many principal components, at most N - 1.

    Raises
    ------
    InputError
        If there are fewer than two subjects.
    """

    def __init__(self, velocities: np.ndarray, components: int) -> None:
        if len(velocities) < 2:
            raise InputError(f"components: expected the velocities of 2 subjects or more, found {len(velocities)}")
        self.shape = velocities.shape[1:]
        deviations = (velocities - velocities.mean(axis=0)).reshape(len(velocities), -1)
        _, singular, directions = np.linalg.svd(deviations, full_matrices=False)
        kept = min(components, len(velocities) - 1)
        deviation = singular[:kept] / np.sqrt(len(velocities) - 1)
        self.modes = (deviation[:, None] * directions[:kept]).astype(np.float32)

    def velocity(self, rng: np.random.Generator) -> torch.Tensor:
        """Draw a velocity (1, 3, U, V, W), voxels of its own grid."""
        weights = rng.standard_normal(len(self.modes), dtype=np.float32)
        return torch.from_numpy((weights @ self.modes).reshape(1, *self.shape))

    def displacement(self, rng: np.random.Generator, shape: Sequence[int]) -> torch.Tensor:
        """Draw a displacement (1, 3, X, Y, Z), voxels of a grid of the same box, corners aligned."""
        return warp.resize(warp.integrate(self.velocity(rng), INTEGRATION_STEPS), shape)
