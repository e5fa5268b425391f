"""Images of random contrast made from a label map alone (after Billot et al. 2023, doi:10.1016/j.media.2023.102789)."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ganreg.synthesize.settings import RandomContrast


def random_contrast(rng: np.random.Generator, labels: np.ndarray, settings: RandomContrast) -> np.ndarray:
    """Draw one image of a label map.

    Each structure has a random mean and a random deviation of its voxels; the image is smoothed, which mixes structures
    at their borders as partial volumes do, and gets a bias field and noise.

    Parameters
    ----------
    rng : numpy.random.Generator
    labels : int array (X, Y, Z), 0 outside the brain
    settings : RandomContrast

    Returns
    -------
    float32 array (X, Y, Z), 0 outside the brain
    """
    means = rng.uniform(0, 1, labels.max() + 1)
    deviations = rng.uniform(0, settings.deviation, labels.max() + 1)
    image = means[labels] + deviations[labels] * rng.standard_normal(labels.shape)
    brain = labels > 0
    image = _smoothed(image, brain, rng.uniform(0, settings.blur))
    image = image + rng.uniform(0, settings.noise_sd) * rng.standard_normal(labels.shape)
    return np.where(brain, image * np.exp(_bias(rng, labels.shape, settings.bias_sd)), 0).astype(np.float32)


def _smoothed(image: np.ndarray, brain: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing within the brain: nothing leaks in from outside."""
    weight = ndimage.gaussian_filter(brain.astype(float), sigma)
    return ndimage.gaussian_filter(np.where(brain, image, 0), sigma) / np.maximum(weight, 1e-6)


def _bias(rng: np.random.Generator, shape: Sequence[int], deviation: float) -> np.ndarray:
    """A slow random field: 4 x 4 x 4 random values and a cubic spline through them."""
    values = rng.normal(0, deviation, (4, 4, 4))
    at = np.meshgrid(*(np.linspace(0, 3, size) for size in shape), indexing="ij")
    return ndimage.map_coordinates(values, at, order=3, mode="nearest")
