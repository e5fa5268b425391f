"""Classic augmentation: images and labels of a subject together.

What changes grey values is TorchIO's (Perez-Garcia et al. 2021, doi:10.1016/j.cmpb.2021.106236).
"""

import numpy as np
import torch
import torchio

from ganreg.preprocess.normalize import zscore
from ganreg.spatial import warp
from ganreg.spatial.deform import deform_labels, random_displacement


def flip(images, labels, mirrors):
    """Flip a subject left to right and swap its structures.

    Parameters
    ----------
    images : dict of arrays (X, Y, Z)
    labels : int array (X, Y, Z)
    mirrors : array of ints
        Structure -> its mirror; place 0 is the background.
    """
    flipped = {name: np.ascontiguousarray(data[::-1]) for name, data in images.items()}
    return flipped, np.asarray(mirrors)[labels[::-1]].astype(labels.dtype)


def intensity_transform(options):
    """Down- and up-sampling, bias field and gamma, each with `probability`, as one TorchIO transform.

    Parameters
    ----------
    options : dict
        `downsampling` (factor, at most), `bias` (coefficients), `log_gamma`, `probability`.
    """
    probability = options["probability"]
    return torchio.Compose(
        [
            torchio.RandomAnisotropy(downsampling=(1, options["downsampling"]), p=probability),
            torchio.RandomBiasField(coefficients=options["bias"], p=probability),
            torchio.RandomGamma(log_gamma=options["log_gamma"], p=probability),
        ]
    )


def draw_deformation(rng, shape, affine, options):
    """Scaling with rotation, and elastic deformation, each with `probability`, as one displacement, or None.

    As one, images are interpolated once. TorchIO's own elastic transform takes most of a training step.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (X, Y, Z)
    affine : array (4, 4), mm
    options : dict
        `scale` (fraction), `rotation_deg`, `elastic_spacing_mm`, `elastic_sd_mm`, `probability`.
    """
    limits = {**options, "translation_mm": 0}
    parts = (("scale", "rotation_deg"), ("elastic_sd_mm",))
    drawn = rng.random(len(parts)) < options["probability"]
    if not drawn.any():
        return None
    limits |= {key: 0 for keys, wanted in zip(parts, drawn, strict=True) if not wanted for key in keys}
    return random_displacement(rng, shape, np.linalg.norm(affine[:3, :3], axis=0), limits)


class ClassicAugmentation:
    """Random copies of subjects, a function of (seed, number) alone.

    Parameters
    ----------
    options : dict, block `augmentation`
    mirrors : array of ints, or None
        As `flip` wants them; None where a mirror is unknown: no flips.
    """

    def __init__(self, options, mirrors=None):
        self.options, self.mirrors = options, mirrors
        self.transform = intensity_transform(options)

    def __call__(self, subjects, affine, number):
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
        list of the same kind; images normalised anew, 0 where the label is 0
        """
        rng = np.random.default_rng([self.options["seed"], *np.atleast_1d(number)])
        displacement = draw_deformation(rng, subjects[0][1].shape, affine, self.options)
        flipped = self.mirrors is not None and rng.random() < self.options["probability"]
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
                seen = self.transform(torchio.Subject(volumes))
            images = {name: zscore(seen[name].data[0].numpy(), labels > 0, name) for name in images}
            augmented.append(flip(images, labels, self.mirrors) if flipped else (images, labels))
        return augmented
