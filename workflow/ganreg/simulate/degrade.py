"""Degraded copies of preprocessed moving subjects: noise, a bias field, a rotated start.

They stand beside the untouched subjects under names of their own, so that every method registers them as it registers
any subject. Nothing here is shared with the cohort generator or with augmentation.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.simulate.settings import Degradation
from ganreg.spatial import deform, warp
from ganreg.volumes import bids

BIAS_SMOOTHNESS_MM = 40

# the settings that are lists of levels, and the word for each in a degraded subject's name
KINDS = {"noise_sd": "noise", "bias_sd": "bias", "rotation_deg": "rotation"}


class Condition(NamedTuple):
    """A kind of degradation (key of `KINDS`, or "none"), its level, and what it adds to the subject's name."""

    kind: str
    level: float
    suffix: str


def add_noise(rng: np.random.Generator, image: np.ndarray, deviation: float) -> np.ndarray:
    """Add white Gaussian noise inside the brain.

    Parameters
    ----------
    rng : numpy.random.Generator
    image : float32 array (X, Y, Z), preprocessed: standard deviation 1 inside the brain, 0 outside
    deviation : float, in the same units

    Returns
    -------
    float32 array (X, Y, Z)
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return np.where(image != 0, image + np.float32(deviation) * noise, 0)


def apply_bias(rng: np.random.Generator, image: np.ndarray, deviation: float, spacing: float) -> np.ndarray:
    """Multiply by a slow random field.

    Preprocessed gray values are those of the scanner over their standard deviation, with `normalize.SHIFT` in the place
    of their mean, so that a factor is what it is on a scanner.

    Parameters
    ----------
    rng : numpy.random.Generator
    image : float32 array (X, Y, Z), preprocessed, 0 outside the brain
    deviation : float
        Standard deviation of the field's logarithm inside the brain; its mean there is 0.
    spacing : float, mm

    Returns
    -------
    float32 array (X, Y, Z)
    """
    field = ndimage.gaussian_filter(rng.standard_normal(image.shape), BIAS_SMOOTHNESS_MM / spacing)
    inside = field[image != 0]
    return image * np.exp(deviation * (field - inside.mean()) / inside.std()).astype(np.float32)


def draw_rotation(rng: np.random.Generator, degrees: float) -> np.ndarray:
    """Rotation matrix (3, 3) by an angle about an axis of random direction."""
    axis = rng.standard_normal(3)
    return Rotation.from_rotvec(np.deg2rad(degrees) * axis / np.linalg.norm(axis)).as_matrix()


def rotation_field(rotation: np.ndarray, center: np.ndarray, shape: Sequence[int], affine: np.ndarray) -> torch.Tensor:
    """Displacement that shows a volume turned about a point.

    Parameters
    ----------
    rotation : array (3, 3), of world axes: the volume's point p is shown at center + rotation (p - center)
    center : array (3,), mm
    shape : (X, Y, Z)
    affine : array (4, 4), mm

    Returns
    -------
    Tensor (1, 3, X, Y, Z), float32, in voxels
    """
    to_voxels = np.linalg.inv(affine)
    back = to_voxels[:3, :3] @ rotation.T @ affine[:3, :3]
    middle = to_voxels[:3, :3] @ center + to_voxels[:3, 3]
    grid = warp.identity_grid(shape)[0].double()
    away = grid - torch.from_numpy(middle).view(3, 1, 1, 1)
    return (torch.einsum("ij,jxyz->ixyz", torch.from_numpy(back), away) - away).float()[None]


def rotate_image(image: np.ndarray, displacement: torch.Tensor) -> np.ndarray:
    """A preprocessed image under `rotation_field`: a third-order B-spline as in preprocessing, 0 outside the brain."""
    brain = deform.deform_labels((image != 0).astype(np.uint8), displacement)
    return np.where(brain, deform.deform_image(image, displacement), 0).astype(np.float32)


def degrade(
    kind: str,
    level: float,
    rng: np.random.Generator,
    image: np.ndarray,
    image_affine: np.ndarray,
    labels: np.ndarray,
    labels_affine: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """One degraded copy of a subject.

    Parameters
    ----------
    kind : key of `KINDS`
    level : float
    rng : numpy.random.Generator
    image : float32 array (X, Y, Z), preprocessed
    image_affine, labels_affine : arrays (4, 4), mm
    labels : uint8 array on a grid of its own over the same box

    Returns
    -------
    image, labels : arrays; the labels differ where anatomy moves
    """
    if kind == "noise_sd":
        return add_noise(rng, image, level), labels
    if kind == "bias_sd":
        return apply_bias(rng, image, level, image_affine[0, 0]), labels
    rotation = draw_rotation(rng, level)
    center = image_affine[:3, :3] @ ((np.array(image.shape) - 1) / 2) + image_affine[:3, 3]
    turned = rotate_image(image, rotation_field(rotation, center, image.shape, image_affine))
    return turned, deform.deform_labels(labels, rotation_field(rotation, center, labels.shape, labels_affine))


def conditions(degradation: Degradation) -> list[Condition]:
    """Every kind and level of degradation, the untouched image first."""
    levels = [(kind, number, level) for kind in KINDS for number, level in enumerate(getattr(degradation, kind), 1)]
    degraded = [Condition(kind, level, f"{KINDS[kind]}{number}") for kind, number, level in levels]
    return [Condition("none", 0, ""), *degraded]


def degraded_copies(
    subject: str,
    image: np.ndarray,
    image_affine: np.ndarray,
    labels: np.ndarray,
    labels_affine: np.ndarray,
    degradation: Degradation,
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """All degraded copies of a subject, one after another.

    Parameters
    ----------
    subject : str
    image, image_affine, labels, labels_affine : as `degrade` takes them
    degradation : Degradation

    Yields
    ------
    name of the copy, image, labels
    """
    for kind, level, suffix in conditions(degradation)[1:]:
        # one draw a subject and kind: a higher level is more of the same
        rng = np.random.default_rng([degradation.seed, *KINDS[kind].encode(), *subject.encode()])
        yield subject + suffix, *degrade(kind, level, rng, image, image_affine, labels, labels_affine)


def degraded_folds(folds: list[dict[str, Any]], degradation: Degradation) -> list[dict[str, Any]]:
    """Folds in which each test pair comes once a condition, its moving subject under the degraded one's name.

    Parameters
    ----------
    folds : list of dict, of `split.folds`
    degradation : Degradation

    Returns
    -------
    list of dict; pairs have `degradation` and `level` besides
    """
    result = []
    for fold in folds:
        pairs = []
        for pair in fold["pairs"]:
            for kind, level, suffix in conditions(degradation):
                moving, fixed = pair["moving"] + suffix, pair["fixed"]
                named = {"pair": bids.pair(moving, fixed), "moving": moving, "fixed": fixed}
                pairs.append({**named, "degradation": kind, "level": level})
        result.append({**fold, "pairs": pairs})
    return result
