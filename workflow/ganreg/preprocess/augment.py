"""Classic augmentation: images and labels of a subject together, in torch, on the device that they are on.

What changes gray values is as TorchIO does it (Perez-Garcia et al. 2021, doi:10.1016/j.cmpb.2021.106236).
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch

from ganreg.preprocess.settings import Augmentation
from ganreg.spatial import warp
from ganreg.spatial.deform import random_displacement
from ganreg.spatial.settings import Deformation
from ganreg.volumes.normalize import SHIFT, require_contrast, require_voxels

# images (1, M, X, Y, Z) of M modalities, float32, and labels (1, 1, X, Y, Z), uint8, of one subject
Subject = tuple[torch.Tensor, torch.Tensor]

# of the bias field's polynomial: each term x^i y^j z^k with i + j + k of at most so much has a coefficient
BIAS_ORDER = 3


def flip(images: torch.Tensor, labels: torch.Tensor, mirror_labels: torch.Tensor) -> Subject:
    """Flip a subject left to right and swap its structures.

    Parameters
    ----------
    images : Tensor (B, M, X, Y, Z)
    labels : Tensor (B, 1, X, Y, Z), uint8
    mirror_labels : Tensor of uint8
        Structure -> its mirror label; place 0 is the background.
    """
    return images.flip(2), mirror_labels.to(labels.device)[labels.flip(2).int()]


def resampled(images: torch.Tensor, axis: int, factor: float) -> torch.Tensor:
    """Images as they are when scanned in slices `factor` times as thick: nearest voxels down, linearly up again.

    Parameters
    ----------
    images : Tensor (B, M, X, Y, Z)
    axis : 0, 1 or 2
    factor : float, 1 or more
    """
    size = images.shape[2 + axis]
    count = max(int(size / factor), 1)
    # slices lie evenly about the middle, in voxels of the axis
    slices = (torch.arange(count, dtype=torch.float64) - (count - 1) / 2) * factor + (size - 1) / 2
    nearest = (slices + 0.5).floor().long().clamp(0, size - 1)
    # where each voxel lies among the slices; beyond the outer ones it is as they are
    place = ((torch.arange(size, dtype=torch.float64) - slices[0]) / factor).clamp(0, count - 1)
    below = place.floor().long()
    above = (below + 1).clamp(max=count - 1)
    share = (place - below).float().view([-1 if each == axis else 1 for each in range(3)]).to(images.device)
    lower, upper = (images.index_select(2 + axis, nearest[each].to(images.device)) for each in (below, above))
    return torch.lerp(lower, upper, share)


def bias_field(coefficients: np.ndarray, shape: Sequence[int], device: torch.device | None = None) -> torch.Tensor:
    """Exponential of a polynomial of the place in the grid, from -1 to 1 along each axis (Van Leemput et al. 1999).

    Parameters
    ----------
    coefficients : array (20,), of x^i y^j z^k with i + j + k of at most 3, the last exponent the fastest
    shape : (X, Y, Z)
    device : where to compute

    Returns
    -------
    Tensor (X, Y, Z)
    """
    exponents = range(BIAS_ORDER + 1)
    terms = [each for each in itertools.product(exponents, repeat=3) if sum(each) <= BIAS_ORDER]
    cube = torch.zeros([len(exponents)] * 3)
    for term, value in zip(terms, coefficients, strict=True):
        cube[term] = float(value)
    axes = [torch.linspace(-1, 1, size, device=device) for size in shape]
    x, y, z = (torch.stack([axis**power for power in exponents], dim=1) for axis in axes)
    # along one axis after the other: the grid is large, the cube is small
    planes = torch.einsum("ijk,yj,zk->iyz", cube.to(x.device), y, z)
    return (x @ planes.flatten(1)).view(*shape).exp()


def gamma(images: torch.Tensor, exponents: torch.Tensor) -> torch.Tensor:
    """Magnitudes of gray values raised to a power, signs kept; `exponents` are broadcast."""
    return images.sign() * images.abs() ** exponents


def zscores(images: torch.Tensor, mask: torch.Tensor, name: str) -> torch.Tensor:
    """As `normalize.zscore`, of images (1, M, X, Y, Z), each by itself, and a mask (X, Y, Z) of bool."""
    inside = images[0][:, mask].double()
    require_voxels(inside.shape[1], name)
    deviations, means = torch.std_mean(inside, dim=1, correction=0)
    for mean, deviation in zip(means.tolist(), deviations.tolist(), strict=True):
        require_contrast(mean, deviation, name)
    means, deviations = (each.to(images).view(1, -1, 1, 1, 1) for each in (means, deviations))
    return torch.where(mask, (images - means) / deviations + SHIFT, 0)


def change_intensity(images: torch.Tensor, rng: np.random.Generator, settings: Augmentation) -> torch.Tensor:
    """Down- and up-sampling, bias field and gamma, each with `probability`.

    Slices are as thick in all modalities; each has a bias field and a gamma of its own.

    Parameters
    ----------
    images : Tensor (1, M, X, Y, Z)
    rng : numpy.random.Generator
    settings : Augmentation
    """
    thick, biased, raised = rng.random(3) < settings.probability
    # drawn whether or not they are used: one transform does not change what is drawn for another
    axis, factor = int(rng.integers(3)), float(rng.uniform(1, settings.downsampling))
    modalities, count = images.shape[1], math.comb(BIAS_ORDER + 3, 3)
    coefficients = rng.uniform(-settings.bias, settings.bias, (modalities, count))
    exponents = np.exp(rng.uniform(-settings.log_gamma, settings.log_gamma, modalities))
    if thick:
        images = resampled(images, axis, factor)
    if biased:
        images = images * torch.stack([bias_field(each, images.shape[2:], images.device) for each in coefficients])
    if raised:
        images = gamma(images, torch.from_numpy(exponents).to(images).view(1, -1, 1, 1, 1))
    return images


def draw_deformation(
    rng: np.random.Generator,
    shape: Sequence[int],
    spacing: Sequence[float],
    settings: Augmentation,
    device: torch.device | None = None,
) -> torch.Tensor | None:
    """Scaling with rotation, and elastic deformation, each with `probability`, as one displacement, or None.

    As one, images are interpolated once.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (X, Y, Z)
    spacing : (3,), mm
    settings : Augmentation
    device : where to compute

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
    return random_displacement(rng, shape, spacing, deformation, device)


class ClassicAugmentation:
    """Random copies of subjects, a function of (seed, number) alone.

    Random numbers are drawn on the CPU whatever the device, so that a copy is the same on all.

    Parameters
    ----------
    settings : Augmentation
    mirror_labels : uint8 array, or None
        Structure -> its mirror label, as `labels.mirror_labels` gives it; None where one is unknown: no flips.
    """

    def __init__(self, settings: Augmentation, mirror_labels: np.ndarray | None = None) -> None:
        self.settings = settings
        self.mirror_labels = None if mirror_labels is None else torch.from_numpy(mirror_labels)

    def __call__(
        self, subjects: Sequence[Subject], spacing: Sequence[float], number: int | Sequence[int]
    ) -> list[Subject]:
        """Augment one subject, or those of a pair together: all move alike, so that a pair stays as far apart as it is.

        Parameters
        ----------
        subjects : list of (images, labels)
            As `Subject`; images as `normalize.zscore` gives them, labels 0 outside the brain.
        spacing : (3,), mm, of all
        number : int or sequence of ints

        Returns
        -------
        list of the same kind; images normalized anew, 0 where the label is 0

        Raises
        ------
        InputError
            If no brain is left.
        """
        rng = np.random.default_rng([self.settings.seed, *np.atleast_1d(number)])
        reference = subjects[0][1]
        displacement = draw_deformation(rng, reference.shape[2:], spacing, self.settings, reference.device)
        flips = rng.random() < self.settings.probability
        augmented = []
        for images, labels in subjects:
            if displacement is not None:
                # linearly: a spline would take as long as half a training step
                images = warp.warp(images, displacement)
                labels = warp.warp_labels(labels[0, 0], displacement)[None, None]
            images = change_intensity(images, rng, self.settings)
            changed = zscores(images, labels[0, 0] > 0, f"augmented copy {number}"), labels
            if flips and self.mirror_labels is not None:
                changed = flip(*changed, self.mirror_labels)
            augmented.append(changed)
        return augmented
