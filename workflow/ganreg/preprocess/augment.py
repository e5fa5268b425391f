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
    """Random copies of subjects, a function of (seed, number) alone.

    Parameters
    ----------
    options : dict, block `augmentation`
    mirrors : array of ints, or None
        As `flip` wants them; None where a mirror is unknown: no flips.
    """

    def __init__(self, options, mirrors=None):
        self.options, self.mirrors = options, mirrors
        self.transform = build_transform(options)

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
        volumes = {}
        for place, (images, labels) in enumerate(subjects):
            volumes[f"dseg{place}"] = torchio.LabelMap(tensor=torch.from_numpy(labels)[None], affine=affine)
            for name, data in images.items():
                volumes[f"{name}{place}"] = torchio.ScalarImage(tensor=torch.from_numpy(data)[None], affine=affine)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            moved = self.transform(torchio.Subject(volumes))
        flipped = self.mirrors is not None and rng.random() < self.options["probability"]
        augmented = []
        for place, (images, labels) in enumerate(subjects):
            # some transforms hand back floating-point labels
            own = moved[f"dseg{place}"].data[0].numpy().astype(labels.dtype)
            copies = {name: zscore(moved[f"{name}{place}"].data[0].numpy(), own > 0, name) for name in images}
            augmented.append(flip(copies, own, self.mirrors) if flipped else (copies, own))
        return augmented
