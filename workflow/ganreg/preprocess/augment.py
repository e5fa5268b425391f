"""Classic augmentation with TorchIO (Perez-Garcia et al. 2021): images and labels of a subject together."""

import numpy as np
import torch
import torchio

from ganreg.preprocess.normalize import zscore


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


def build_transform(options):
    """Scaling, rotation, elastic deformation, down- and up-sampling, bias field and gamma as one TorchIO transform.

    Parameters
    ----------
    options : dict
        `scale` (fraction), `rotation_deg`, `elastic_mm` (largest displacement), `downsampling` (factor), `bias`
        (coefficients), `log_gamma`, `probability` of each.
    """
    scale, rotation, probability = options["scale"], options["rotation_deg"], options["probability"]
    return torchio.Compose(
        [
            torchio.RandomAffine(
                scales=(1 - scale, 1 + scale), degrees=(-rotation, rotation), default_pad_value=0, p=probability
            ),
            torchio.RandomElasticDeformation(max_displacement=options["elastic_mm"], p=probability),
            torchio.RandomAnisotropy(downsampling=(1, options["downsampling"]), p=probability),
            torchio.RandomBiasField(coefficients=options["bias"], p=probability),
            torchio.RandomGamma(log_gamma=options["log_gamma"], p=probability),
        ]
    )


class ClassicAugmentation:
    """Random copies of a subject, a function of (seed, number) alone.

    Parameters
    ----------
    options : dict, block `augmentation`
    mirrors : array of ints, or None
        As `flip` wants them; None where a mirror is unknown: no flips.
    """

    def __init__(self, options, mirrors=None):
        self.options, self.mirrors = options, mirrors
        self.transform = build_transform(options)

    def __call__(self, images, labels, affine, number):
        """Augment one subject.

        Parameters
        ----------
        images : dict of float32 arrays (X, Y, Z), as `normalize.zscore` gives them
        labels : uint8 array (X, Y, Z), 0 outside the brain
        affine : array (4, 4), mm
        number : int or sequence of ints

        Returns
        -------
        images, labels : of the same kind; images normalised anew, 0 where the label is 0
        """
        rng = np.random.default_rng([self.options["seed"], *np.atleast_1d(number)])
        subject = torchio.Subject(
            dseg=torchio.LabelMap(tensor=torch.from_numpy(labels)[None], affine=affine),
            **{
                name: torchio.ScalarImage(tensor=torch.from_numpy(data)[None], affine=affine)
                for name, data in images.items()
            },
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            moved = self.transform(subject)
        # some transforms hand back floating-point labels
        labels = moved["dseg"].data[0].numpy().astype(labels.dtype)
        images = {name: zscore(moved[name].data[0].numpy(), labels > 0, name) for name in images}
        if self.mirrors is not None and rng.random() < self.options["probability"]:
            images, labels = flip(images, labels, self.mirrors)
        return images, labels
