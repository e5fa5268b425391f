"""Degraded copies of preprocessed moving subjects: noise, a bias field, a rotated start.

They stand beside the untouched subjects under names of their own, so that every method registers them as it registers
any subject. Nothing here is shared with the cohort generator or with augmentation.
"""

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.spatial import deform, warp

BIAS_SMOOTHNESS_MM = 40

# what a level means, by the configuration's key, and the word for it in a degraded subject's name
KINDS = {"noise_sd": "noise", "bias_sd": "bias", "rotation_deg": "rotation"}


def add_noise(rng, image, deviation):
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


def apply_bias(rng, image, deviation, spacing):
    """Multiply by a slow random field.

    Preprocessed grey values are those of the scanner over their standard deviation, with `normalize.SHIFT` in the place
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


def draw_rotation(rng, degrees):
    """Rotation matrix (3, 3) by an angle about an axis of random direction."""
    axis = rng.standard_normal(3)
    return Rotation.from_rotvec(np.deg2rad(degrees) * axis / np.linalg.norm(axis)).as_matrix()


def rotation_field(rotation, centre, shape, affine):
    """Displacement that shows a volume turned about a point.

    Parameters
    ----------
    rotation : array (3, 3), of world axes: the volume's point p is shown at centre + rotation (p - centre)
    centre : array (3,), mm
    shape : (X, Y, Z)
    affine : array (4, 4), mm

    Returns
    -------
    Tensor (1, 3, X, Y, Z), float32, in voxels
    """
    to_voxels = np.linalg.inv(affine)
    back = to_voxels[:3, :3] @ rotation.T @ affine[:3, :3]
    middle = to_voxels[:3, :3] @ centre + to_voxels[:3, 3]
    grid = warp.identity_grid(shape)[0].double()
    away = grid - torch.from_numpy(middle).view(3, 1, 1, 1)
    return (torch.einsum("ij,jxyz->ixyz", torch.from_numpy(back), away) - away).float()[None]


def rotate_image(image, displacement):
    """A preprocessed image under `rotation_field`: a third-order B-spline as in preprocessing, 0 outside the brain."""
    brain = deform.deform_labels((image != 0).astype(np.uint8), displacement)
    return np.where(brain, deform.deform_image(image, displacement), 0).astype(np.float32)


def degrade(kind, level, rng, image, image_affine, labels, labels_affine):
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
    centre = image_affine[:3, :3] @ ((np.array(image.shape) - 1) / 2) + image_affine[:3, 3]
    turned = rotate_image(image, rotation_field(rotation, centre, image.shape, image_affine))
    return turned, deform.deform_labels(labels, rotation_field(rotation, centre, labels.shape, labels_affine))


def conditions(options):
    """(kind, level, suffix of the subject's name) of each degradation in the block `robustness`, the untouched first.

    Parameters
    ----------
    options : dict with a list of levels for each of `KINDS`
    """
    levels = [(kind, level, number) for kind in KINDS for number, level in enumerate(options[kind], start=1)]
    return [("none", 0, ""), *((kind, level, f"{KINDS[kind]}{number}") for kind, level, number in levels)]


def degraded_folds(folds, options):
    """Folds in which each test pair comes once a condition, its moving subject under the degraded one's name.

    Parameters
    ----------
    folds : list of dict, of `split.folds`
    options : as for `conditions`

    Returns
    -------
    list of dict; pairs have `degradation` and `level` besides
    """
    result = []
    for fold in folds:
        pairs = []
        for pair in fold["pairs"]:
            for kind, level, suffix in conditions(options):
                moving = pair["moving"] + suffix
                named = {"pair": f"sub-{moving}_to_sub-{pair['fixed']}", "moving": moving, "fixed": pair["fixed"]}
                pairs.append({**named, "degradation": kind, "level": level})
        result.append({**fold, "pairs": pairs})
    return result
