"""The embedded cohort: simulated subjects, each a random diffeomorphism of ICBM-152 with its own contrast.

Everything is drawn from (`seed`, subject number), so that a subject is the same on any machine and whatever the
number of subjects. It is simulated data, and shares nothing with the augmentation of the training images.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.simulate import fields, scanner
from ganreg.simulate.settings import Anatomy, Rigid, Size
from ganreg.spatial import warp

# the sign of the texture, which has no counterpart in another subject
TEXTURE_SIGN = {"T1w": 1, "T2w": -1}


@dataclass(frozen=True)
class Subject:
    """One simulated subject; arrays are (X, Y, Z), affines (4, 4) in mm, displacements (3, X, Y, Z) in RAS mm."""

    images: dict[str, np.ndarray]
    image_affines: dict[str, np.ndarray]
    mask: np.ndarray
    labels: np.ndarray
    to_template: np.ndarray
    to_template_affine: np.ndarray
    from_template: np.ndarray
    from_template_affine: np.ndarray


@dataclass(frozen=True)
class _Head:
    """What both scans of a subject show, on the template's grid.

    `forward` and `backward` are displacements (3, X, Y, Z) in mm on the field grid; `displacement` is the forward one
    (1, 3, X, Y, Z) in voxels of the template's grid.
    """

    forward: np.ndarray
    backward: np.ndarray
    displacement: torch.Tensor
    mask: np.ndarray
    labels: np.ndarray


def _rigid(rng: np.random.Generator, center: np.ndarray, limits: Rigid) -> np.ndarray:
    """Random rigid world matrix (4, 4) about a center, uniform within plus and minus the limits."""
    matrix = np.eye(4)
    angles = rng.uniform(-limits.rotation_deg, limits.rotation_deg, 3)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    shift = rng.uniform(-limits.translation_mm, limits.translation_mm, 3)
    matrix[:3, 3] = center - matrix[:3, :3] @ center + shift
    return matrix


def _scaling(rng: np.random.Generator, center: np.ndarray, size: Size) -> np.ndarray:
    """Random world matrix (4, 4) that scales along the axes, about a center."""
    factors = np.exp(rng.normal(size.mean, size.sd) + rng.normal(0, size.axis_sd, 3))
    matrix = np.diag([*factors, 1.0])
    matrix[:3, 3] = center - factors * center
    return matrix


def _deform(data: np.ndarray, displacement_voxels: torch.Tensor, mode: warp.Mode = "bilinear") -> np.ndarray:
    """Sample an array at x + u(x), u in voxels of its own grid."""
    tensor = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))[None, None]
    return warp.warp(tensor, displacement_voxels, mode)[0, 0].numpy()


def coarsen(
    template: dict[str, np.ndarray], affine: np.ndarray, spacing: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The template on a coarser grid: every k-th voxel, images low-passed before, with k the ratio of the spacings.

    Parameters
    ----------
    template : dict of arrays (X, Y, Z), as `simulate_subject` wants it
    affine : array (4, 4), mm
    spacing : float, mm
    """
    step = max(1, round(spacing / np.linalg.norm(affine[:3, 0])))
    if step == 1:
        return template, affine
    every = (slice(None, None, step),) * 3
    coarse = {name: template[name][every] for name in ("mask", "dseg")}
    coarse |= {name: ndimage.gaussian_filter(template[name], step / scanner.FWHM)[every] for name in ("T1w", "T2w")}
    return coarse, affine @ np.diag([step, step, step, 1])


def _deform_head(
    template: dict[str, np.ndarray], affine: np.ndarray, velocity: np.ndarray, parcels: np.ndarray
) -> _Head:
    """Mask and labels of a subject, from its velocity and that of its parcels' boundaries."""
    forward, backward = fields.exponential(velocity), fields.exponential(-velocity)
    shape = template["mask"].shape
    displacement = fields.to_voxels(forward, affine, shape)
    mask = _deform(template["mask"], displacement, "nearest") > 0.5
    # the parcels' own jitter comes first: boundaries drawn by a rater do not follow the gray values exactly
    label_field = fields.to_voxels(fields.composed(fields.exponential(parcels), forward), affine, shape)
    labels = np.where(mask, _deform(template["dseg"], label_field, "nearest"), 0).astype(np.int16)
    return _Head(forward, backward, displacement, mask, labels)


def _true_fields(head: _Head, field_affine: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Displacements (3, X, Y, Z), RAS mm, from the subject to the template, on the subject's grid, and back.

    `pose` is a world matrix (4, 4): the head's size and its place in the scanner.
    """
    field_shape = head.forward.shape[1:]
    grid = warp.identity_grid(field_shape)[0].numpy().reshape(3, -1)

    def world(matrix: np.ndarray) -> np.ndarray:
        return matrix[:3, :3] @ grid + matrix[:3, 3:]

    to_template = world(field_affine) + head.forward.reshape(3, -1) - world(pose @ field_affine)
    in_template = world(field_affine) + head.backward.reshape(3, -1)
    from_template = pose[:3, :3] @ in_template + pose[:3, 3:] - world(field_affine)
    return tuple(each.reshape(3, *field_shape).astype(np.float32) for each in (to_template, from_template))


def simulate_subject(template: dict[str, np.ndarray], affine: np.ndarray, number: int, anatomy: Anatomy) -> Subject:
    """Simulate one subject.

    Parameters
    ----------
    template : dict of arrays (X, Y, Z)
        `T1w`, `T2w`, `mask` (bool) and `dseg` (int) of the template, images 0 outside the brain.
    affine : array (4, 4), mm
    number : int
        The subject's number; 0 is the template itself with a scanner's noise, for an atlas.
    anatomy : Anatomy

    Returns
    -------
    Subject
        `to_template` lives on the subject's own grid: p + d(p) is the template point of the subject point p;
        `from_template` lives on the template's grid and leads back. Both are exact where sampled at their nodes and
        define the truth by linear interpolation in between.
    """
    rng = np.random.default_rng([anatomy.seed, number])
    shape, voxel = template["mask"].shape, float(np.linalg.norm(affine[:3, 0]))
    field_shape, field_affine = fields.coarse_grid(shape, affine)
    velocity = fields.random_velocity(rng, field_shape, anatomy.velocity, anatomy.compressibility)
    parcels = fields.random_velocity(rng, field_shape, anatomy.parcellation, anatomy.compressibility)
    center = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    pose, movement = _rigid(rng, center, anatomy.pose), _rigid(rng, center, anatomy.movement)
    if number:
        pose = pose @ _scaling(rng, center, anatomy.size)
        velocity += fields.growth_velocity(rng, template["dseg"], affine, anatomy.growth)
    else:
        velocity, parcels = 0 * velocity, 0 * parcels
    head = _deform_head(template, affine, velocity, parcels)

    texture = fields.multiscale(rng, shape, voxel, anatomy.texture).astype(np.float32)
    images, image_affines = {}, {}
    site = scanner.scanners(anatomy, scanner.site_of(anatomy, number), int(template["dseg"].max()))
    for modality, sign in TEXTURE_SIGN.items():
        image = scanner.show(rng, template[modality], template, voxel, anatomy.uniform, site[modality])
        image = _deform(image, head.displacement) + sign * texture
        image = np.where(head.mask, np.clip(image, 0, None), 0).astype(np.float32)
        grid_affine, brain, header = affine, head.mask, affine
        if modality == "T2w":
            image, grid_affine, brain = scanner.cut(image, head.mask, affine, movement, anatomy.T2w.slice_mm)
            # the head has moved by then, and the header claims the pose of the T1w: the rigid alignment has to undo it
            header = np.linalg.inv(movement) @ grid_affine
        images[modality] = scanner.acquire(rng, image, grid_affine, brain, site[modality])
        # the head's size and its pose in the scanner change the header alone: they cost no interpolation
        image_affines[modality] = pose @ header

    to_template, from_template = _true_fields(head, field_affine, pose)
    return Subject(
        images, image_affines, head.mask, head.labels, to_template, pose @ field_affine, from_template, field_affine
    )
