"""Classic augmentation: images and labels of a subject together.

What changes gray values is TorchIO's (Perez-Garcia et al. 2021, doi:10.1016/j.cmpb.2021.106236).
"""

from collections.abc import Sequence

import numpy as np
import torch
import torchio

from ganreg.preprocess.settings import Augmentation
from ganreg.spatial import warp
from ganreg.spatial.deform import deform_labels, random_displacement
from ganreg.spatial.settings import Deformation
from ganreg.volumes.normalize import zscore

# images by modality, and labels, of one subject
Subject = tuple[dict[str, np.ndarray], np.ndarray]


def flip(images: dict[str, np.ndarray], labels: np.ndarray, mirror_labels: np.ndarray) -> Subject:
    """Flip a subject left to right and swap its structures.

    Parameters
    ----------
    images : dict of arrays (X, Y, Z)
    labels : int array (X, Y, Z)
    mirror_labels : array of ints
        Structure -> its mirror label; place 0 is the background.
    """
    flipped = {name: np.ascontiguousarray(data[::-1]) for name, data in images.items()}
    return flipped, np.asarray(mirror_labels)[labels[::-1]].astype(labels.dtype)


def intensity_transform(settings: Augmentation) -> torchio.Transform:
    """Down- and up-sampling, bias field and gamma, each with `probability`, as one TorchIO transform."""
    probability = settings.probability
    return torchio.Compose(
        [
            torchio.RandomAnisotropy(downsampling=(1, settings.downsampling), p=probability),
            torchio.RandomBiasField(coefficients=settings.bias, p=probability),
            torchio.RandomGamma(log_gamma=settings.log_gamma, p=probability),
        ]
    )


def draw_deformation(
    rng: np.random.Generator, shape: Sequence[int], affine: np.ndarray, settings: Augmentation
) -> torch.Tensor | None:
    """Scaling with rotation, and elastic deformation, each with `probability`, as one displacement, or None.

    As one, images are interpolated once. TorchIO's own elastic transform takes most of a training step.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (X, Y, Z)
    affine : array (4, 4), mm
    settings : Augmentation

    Returns
    -------
    Tensor (1, 3, X, Y, Z), voxels, or None
    """
    linear, elastic = rng.random(2) < settings.probability
    if not (linear or elastic):
        return None
    deformation = Deformation(
        rotation_deg=settings.rotation_deg if linear else 0,
        scale=settings.scale if linear else 0,
        translation_mm=0,
        elastic_spacing_mm=settings.elastic_spacing_mm,
        elastic_sd_mm=settings.elastic_sd_mm if elastic else 0,
    )
    return random_displacement(rng, shape, np.linalg.norm(affine[:3, :3], axis=0), deformation)


class ClassicAugmentation:
    """Random copies of subjects, a function of (seed, number) alone.

    Parameters
    ----------
    settings : Augmentation
    mirror_labels : array of ints, or None
        As `flip` wants them; None where a mirror label is unknown: no flips.
    """

    def __init__(self, settings: Augmentation, mirror_labels: np.ndarray | None = None) -> None:
        self.settings, self.mirror_labels = settings, mirror_labels
        self.transform = intensity_transform(settings)

    def __call__(self, subjects: list[Subject], affine: np.ndarray, number: int | Sequence[int]) -> list[Subject]:
        """Augment one subject, or those of a pair together: all move alike, so that a pair stays as far apart as it is.

        Parameters
        ----------
        subjects : list of (images, labels)
            images : dict of float32 arrays (X, Y, Z), as `normalize.zscore` gives them; labels : uint8 array (X, Y, Z),
            0 outside the brain.
        affine : array (4, 4), mm, of all
        number : int or sequence of ints

        Returns
        -------
        list of the same kind; images normalized anew, 0 where the label is 0
        """
        rng = np.random.default_rng([self.settings.seed, *np.atleast_1d(number)])
        displacement = draw_deformation(rng, subjects[0][1].shape, affine, self.settings)
        mirror_labels = self.mirror_labels
        if mirror_labels is not None and rng.random() >= self.settings.probability:
            mirror_labels = None
        augmented = []
        for images, labels in subjects:
            if displacement is not None:
                # linearly: a spline would take as long as half a training step
                images = {
                    name: warp.warp(torch.from_numpy(data)[None, None], displacement)[0, 0].numpy()
                    for name, data in images.items()
                }
                labels = deform_labels(labels, displacement)
            volumes = {name: torchio.ScalarImage(tensor=data[None], affine=affine) for name, data in images.items()}
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(rng.integers(2**31)))
                changed = self.transform(torchio.Subject(volumes)).get_images_dict()
            images = {name: zscore(changed[name].data[0].numpy(), labels > 0, name) for name in images}
            augmented.append((images, labels) if mirror_labels is None else flip(images, labels, mirror_labels))
        return augmented
