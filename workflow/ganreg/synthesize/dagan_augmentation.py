"""DAGAN's augmentation (Yang et al. 2018, doi:10.1109/TMI.2017.2785879), in 3-D: a subject stays one subject."""

import numpy as np
import torch

from ganreg.preprocess.augment import flip
from ganreg.preprocess.normalize import SHIFT, zscore
from ganreg.spatial import warp
from ganreg.spatial.deform import deform_labels, random_displacement


class DaganAugmentation:
    """Random copies of a subject, a function of (seed, number) alone.

    Brightness, rotation, zoom, shift, elastic deformation and, in half of the copies, a flip: Yang et al. apply their
    list to slices; here one draw moves the whole subject, all modalities and the labels together.

    Parameters
    ----------
    options : dict
        As `deform.random_displacement` wants them, and `gamma`, the limit of the exponent's uniform draw around 1.
    seed : int or sequence of ints
    mirrors : array of ints, or None
        Structure -> its mirror, background first; None where a mirror is unknown: no flips.
    """

    def __init__(self, options, seed, mirrors=None):
        self.options, self.seed, self.mirrors = options, seed, mirrors

    def __call__(self, images, labels, affine, number):
        """Augment one subject.

        Parameters
        ----------
        images : dict of float32 arrays (X, Y, Z), as `normalize.zscore` gives them
        labels : uint8 array (X, Y, Z), 0 outside the brain
        affine : array (4, 4), mm
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
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        displacement = random_displacement(rng, labels.shape, spacing, self.options)
        moved = deform_labels(labels, displacement)
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
