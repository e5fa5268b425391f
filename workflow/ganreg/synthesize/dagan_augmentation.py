"""DAGAN's augmentation (Yang et al. 2018, doi:10.1109/TMI.2017.2785879), in 3-D: a subject stays one subject."""

import numpy as np
import torch

from ganreg.preprocess.augment import flip
from ganreg.preprocess.normalize import SHIFT, zscore
from ganreg.spatial import warp


def _smooth_field(shape, smoothness, rng):
    """Gaussian random field (3, X, Y, Z) of variance 1; `smoothness`: its kernel's SD along each axis, voxels."""
    field = rng.standard_normal((3, *shape), dtype=np.float32)
    for axis, (size, width) in enumerate(zip(shape, smoothness, strict=True), start=1):
        distance = np.subtract.outer(np.arange(size), np.arange(size))
        kernel = np.exp(-0.5 * (distance / width) ** 2)
        # rows of length 1 keep the variance at 1, at the edges too
        kernel /= np.linalg.norm(kernel, axis=1, keepdims=True)
        field = np.moveaxis(np.tensordot(kernel.astype(np.float32), field, axes=(1, axis)), 0, axis)
    return field


def random_displacement(shape, options, rng):
    """Random rotation, shift, zoom and elastic deformation as one displacement.

    Parameters
    ----------
    shape : three ints
    options : dict
        `rotation_deg` about each axis, `shift` (fraction of each side) and `zoom` (fraction): limits of uniform draws;
        `elastic_sd`, `elastic_smoothness`: the elastic displacement's standard deviation and the kernel's, as fractions
        of each side.
    rng : numpy.random.Generator

    Returns
    -------
    Tensor (1, 3, X, Y, Z), voxels
    """
    side = np.array(shape, dtype=np.float32).reshape(3, 1, 1, 1)
    matrix = np.eye(3) * rng.uniform(1 - options["zoom"], 1 + options["zoom"])
    for axis, angle in enumerate(np.deg2rad(rng.uniform(-1, 1, 3) * options["rotation_deg"])):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        rotation = np.eye(3)
        rotation[[first, second], [first, second]] = np.cos(angle)
        rotation[first, second], rotation[second, first] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ rotation
    shift = rng.uniform(-1, 1, (3, 1, 1, 1)) * options["shift"] * side
    centred = np.indices(shape, dtype=np.float32) - (side - 1) / 2
    linear = np.tensordot(matrix - np.eye(3), centred, axes=(1, 0)) + shift
    elastic = _smooth_field(shape, options["elastic_smoothness"] * side.ravel(), rng) * options["elastic_sd"] * side
    return torch.from_numpy((linear + elastic).astype(np.float32))[None]


class DaganAugmentation:
    """Random copies of a subject, a function of (seed, number) alone.

    Brightness, rotation, shift, zoom, elastic deformation and, in half of the copies, a flip: Yang et al. apply their
    list to slices; here one draw moves the whole subject, all modalities and the labels together.

    Parameters
    ----------
    options : dict
        As `random_displacement` wants them, and `gamma`, the limit of the exponent's uniform draw around 1.
    seed : int or sequence of ints
    mirrors : array of ints, or None
        Structure -> its mirror, background first; None where a mirror is unknown: no flips.
    """

    def __init__(self, options, seed, mirrors=None):
        self.options, self.seed, self.mirrors = options, seed, mirrors

    def __call__(self, images, labels, number):
        """Augment one subject.

        Parameters
        ----------
        images : dict of float32 arrays (X, Y, Z), as `normalize.zscore` gives them
        labels : uint8 array (X, Y, Z), 0 outside the brain
        number : int

        Returns
        -------
        images, labels : of the same kind; images normalised anew, 0 where the label is 0

        Raises
        ------
        InputError
            If no brain is left.
        """
        rng = np.random.default_rng([*np.atleast_1d(self.seed), number])
        displacement = random_displacement(labels.shape, self.options, rng)
        moved = warp.warp_labels(torch.from_numpy(labels), displacement).numpy()
        augmented = {}
        for name, data in images.items():
            gamma = rng.uniform(1 - self.options["gamma"], 1 + self.options["gamma"])
            bright = (data.clip(0) / data.max()) ** gamma
            # the mean of the brain outside it, so that its border stays as bright as it is
            scores = np.where(labels > 0, zscore(bright, labels > 0, name) - SHIFT, 0).astype(np.float32)
            warped = warp.warp(torch.from_numpy(scores)[None, None], displacement)[0, 0].numpy()
            augmented[name] = zscore(warped, moved > 0, name)
        if self.mirrors is not None and rng.random() < 0.5:
            augmented, moved = flip(augmented, moved, self.mirrors)
        return augmented, moved
