"""DAGAN's augmentation (Yang et al. 2018, doi:10.1109/TMI.2017.2785879), in 3-D: a subject stays one subject."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ganreg.spatial import warp
from ganreg.spatial.deform import Displacements, deform_labels, random_displacement
from ganreg.synthesize.settings import DaganAugmentation
from ganreg.volumes.normalize import SHIFT, zscore


class SubjectAugmentation:
    """Random copies of a subject, a function of (seed, number) alone.

    Brightness, rotation, zoom, shift, elastic deformation and, in half of the copies, a flip: Yang et al. apply their
    list to slices; here one draw moves the whole subject, all modalities and the labels together.

    Parameters
    ----------
    settings : DaganAugmentation
    seed : int or sequence of ints
    mirror_labels : uint8 array (K + 1,), or None
        As `labels.mirror_labels` gives it; None: no flips.
    displacements : Displacements, or None
        What moves copy `number`, as it moves sample `number` of the other kinds, in the place of the published
        rotation, zoom, shift and elastic deformation.
    """

    def __init__(
        self,
        settings: DaganAugmentation,
        seed: int | Sequence[int],
        mirror_labels: np.ndarray | None = None,
        displacements: Displacements | None = None,
    ) -> None:
        self.settings, self.seed, self.mirror_labels = settings, seed, mirror_labels
        self.displacements = displacements

    def __call__(
        self, images: Mapping[str, np.ndarray], labels: np.ndarray, affine: np.ndarray, number: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Augment one subject.

        Parameters
        ----------
        images : dict of float32 arrays (X, Y, Z), as `normalize.zscore` gives them
        labels : uint8 array (X, Y, Z), 0 outside the brain
        affine : array (4, 4), mm
        number : int

        Returns
        -------
        images, labels : of the same kind; images normalized anew, 0 where the label is 0

        Raises
        ------
        InputError
            If no brain is left.
        """
        rng = np.random.default_rng([*np.atleast_1d(self.seed), number])
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if self.displacements:
            displacement = self.displacements(number, labels.shape, spacing)
        else:
            displacement = random_displacement(rng, labels.shape, spacing, self.settings)
        moved = deform_labels(labels, displacement)
        augmented = {}
        for name, data in images.items():
            gamma = rng.uniform(1 - self.settings.gamma, 1 + self.settings.gamma)
            bright = (data.clip(0) / data.max()) ** gamma
            # the mean of the brain outside it, so that its border stays as bright as it is
            scores = np.where(labels > 0, zscore(bright, labels > 0, name) - SHIFT, 0).astype(np.float32)
            warped = warp.warp(torch.from_numpy(scores)[None, None], displacement)[0, 0].numpy()
            augmented[name] = zscore(warped, moved > 0, name)
        if self.mirror_labels is not None and rng.random() < 0.5:
            augmented = {name: np.ascontiguousarray(data[::-1]) for name, data in augmented.items()}
            moved = self.mirror_labels[moved[::-1]]
        return augmented, moved
