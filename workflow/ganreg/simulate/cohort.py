"""The embedded cohort: simulated subjects, each a random diffeomorphism of ICBM-152 with its own contrast.

Everything is drawn from (`seed`, subject number), so that a subject is the same on any machine and whatever the
number of subjects. It is simulated data, and shares nothing with the augmentation of the training images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.simulate.settings import Anatomy, Contrast, Rigid, Scale
from ganreg.spatial import warp

FIELD_SPACING_MM = 2.0
INTENSITY_MAXIMUM = 1000
# full width at half maximum of a Gaussian in units of its standard deviation
FWHM = 2.355
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


def gaussian_random_field(rng: np.random.Generator, shape: Sequence[int], smoothness_voxels: float) -> np.ndarray:
    """Gaussian random field of mean 0 and standard deviation 1 on a periodic grid, by smoothing white noise."""
    noise = rng.standard_normal(shape).astype(np.float32)
    field = ndimage.gaussian_filter(noise, smoothness_voxels, mode="wrap")
    return (field - field.mean(dtype=np.float64)) / field.std(dtype=np.float64)


def _multiscale(rng: np.random.Generator, shape: Sequence[int], spacing: float, scales: Sequence[Scale]) -> np.ndarray:
    """Sum of Gaussian random fields."""
    fields = (s.sd * gaussian_random_field(rng, shape, s.smoothness_mm / spacing) for s in scales)
    return sum(fields, start=np.zeros(()))


def _field_grid(shape: Sequence[int], affine: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    """A coarser grid over the same box: shape and affine at `FIELD_SPACING_MM`."""
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    coarse_shape = tuple(int(np.ceil((n - 1) * v / FIELD_SPACING_MM)) + 1 for n, v in zip(shape, voxel, strict=True))
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] / voxel * FIELD_SPACING_MM
    return coarse_shape, coarse


def _velocity(rng: np.random.Generator, shape: Sequence[int], scales: Sequence[Scale]) -> np.ndarray:
    """Random velocity (3, X, Y, Z) in mm on the field grid."""
    return np.stack([_multiscale(rng, shape, FIELD_SPACING_MM, scales) for _ in range(3)])


def _exponential(velocity: np.ndarray) -> np.ndarray:
    """Displacement in mm after unit time of a velocity (3, X, Y, Z) in mm on the field grid."""
    tensor = torch.from_numpy((velocity / FIELD_SPACING_MM).astype(np.float32))[None]
    return warp.integrate(tensor, steps=7)[0].numpy() * FIELD_SPACING_MM


def _composed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Displacement in mm of `first` after `second`, both (3, X, Y, Z) in mm on the field grid."""
    tensors = [torch.from_numpy((field / FIELD_SPACING_MM).astype(np.float32))[None] for field in (first, second)]
    return warp.compose(*tensors)[0].numpy() * FIELD_SPACING_MM


def _to_voxels(field: np.ndarray, affine: np.ndarray, shape: Sequence[int]) -> torch.Tensor:
    """A displacement in mm on the field grid as one (1, 3, X, Y, Z) in voxels of the template's grid."""
    voxel = np.linalg.norm(affine[:3, 0])
    # both grids begin at one corner, and the spacings' ratio is whole
    fine = [round((size - 1) * FIELD_SPACING_MM / voxel) + 1 for size in field.shape[1:]]
    tensor = functional.interpolate(torch.from_numpy(field)[None], fine, mode="trilinear", align_corners=True)
    to_axes = torch.from_numpy(np.linalg.inv(affine[:3, :3])).float()
    return torch.einsum("ij,bjxyz->bixyz", to_axes, tensor[..., : shape[0], : shape[1], : shape[2]])


def _rigid(rng: np.random.Generator, center: np.ndarray, limits: Rigid) -> np.ndarray:
    """Random rigid world matrix (4, 4) about a center, uniform within plus and minus the limits."""
    matrix = np.eye(4)
    angles = rng.uniform(-limits.rotation_deg, limits.rotation_deg, 3)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    shift = rng.uniform(-limits.translation_mm, limits.translation_mm, 3)
    matrix[:3, 3] = center - matrix[:3, :3] @ center + shift
    return matrix


def _pull(data: np.ndarray, affine: np.ndarray, shape: Sequence[int], target_affine: np.ndarray) -> np.ndarray:
    """Resample an array linearly onto another grid in world space."""
    matrix, offset = warp.scale_of(affine, target_affine)
    coordinates = torch.einsum("ij,bjxyz->bixyz", matrix, warp.identity_grid(shape)) + offset.view(1, 3, 1, 1, 1)
    return warp.sample(torch.from_numpy(np.ascontiguousarray(data))[None, None], coordinates)[0, 0].numpy()


def _deform(data: np.ndarray, displacement_voxels: torch.Tensor, mode: warp.Mode = "bilinear") -> np.ndarray:
    """Sample an array at x + u(x), u in voxels of its own grid."""
    tensor = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))[None, None]
    return warp.warp(tensor, displacement_voxels, mode)[0, 0].numpy()


def _contrast(
    rng: np.random.Generator, image: np.ndarray, labels: np.ndarray, mask: np.ndarray, settings: Contrast
) -> np.ndarray:
    """One modality's own gray values, before warping: random gamma and an offset for each structure."""
    top = np.percentile(image[mask], 99.5)
    scaled = np.clip(image / top, 0, None) ** np.exp(rng.normal(0, settings.gamma_sd))
    offsets = rng.normal(0, settings.structure_sd, labels.max() + 1)
    return scaled + ndimage.gaussian_filter(offsets[labels] * mask, 1.0)


def _acquire(
    rng: np.random.Generator, image: np.ndarray, affine: np.ndarray, mask: np.ndarray, settings: Contrast
) -> np.ndarray:
    """Bias field, Rician noise and rounding: what the scanner adds."""
    shape, coarse = _field_grid(image.shape, affine)
    log_bias = settings.bias_sd * gaussian_random_field(rng, shape, settings.bias_smoothness_mm / FIELD_SPACING_MM)
    image = image * np.exp(_pull(log_bias.astype(np.float32), coarse, image.shape, affine))
    noise = rng.normal(0, settings.noise_sd, (2, *image.shape))
    noisy = np.hypot(image + noise[0], noise[1])
    return np.where(mask, np.clip(np.rint(noisy * INTENSITY_MAXIMUM), 0, np.iinfo(np.int16).max), 0).astype(np.int16)


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
    coarse |= {name: ndimage.gaussian_filter(template[name], step / FWHM)[every] for name in ("T1w", "T2w")}
    return coarse, affine @ np.diag([step, step, step, 1])


def _deform_head(
    template: dict[str, np.ndarray], affine: np.ndarray, velocity: np.ndarray, parcels: np.ndarray
) -> _Head:
    """Mask and labels of a subject, from its velocity and that of its parcels' boundaries."""
    forward, backward = _exponential(velocity), _exponential(-velocity)
    shape = template["mask"].shape
    displacement = _to_voxels(forward, affine, shape)
    mask = _deform(template["mask"], displacement, "nearest") > 0.5
    # the parcels' own jitter comes first: boundaries drawn by a rater do not follow the gray values exactly
    label_field = _to_voxels(_composed(_exponential(parcels), forward), affine, shape)
    labels = np.where(mask, _deform(template["dseg"], label_field, "nearest"), 0).astype(np.int16)
    return _Head(forward, backward, displacement, mask, labels)


def _sliced(
    image: np.ndarray, mask: np.ndarray, affine: np.ndarray, movement: np.ndarray, slice_mm: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image of a head that has moved, in thick slices: the image, its affine and the brain mask on its grid."""
    shape = image.shape
    thickness = max(1.0, float(slice_mm / np.linalg.norm(affine[:3, 0])))
    # a slice profile of full width at half maximum equal to the slice thickness
    image = ndimage.gaussian_filter1d(image, thickness / FWHM, axis=2) if thickness > 1 else image
    grid_shape = (*shape[:2], int(np.ceil(shape[2] / thickness)))
    grid_affine = movement @ affine @ np.diag([1, 1, thickness, 1])
    brain = _pull(mask.astype(np.float32), affine, grid_shape, grid_affine) > 0.5
    return _pull(image, affine, grid_shape, grid_affine), grid_affine, brain


def _true_fields(head: _Head, field_affine: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Displacements (3, X, Y, Z), RAS mm, from the posed subject to the template, on the subject's grid, and back."""
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
    field_shape, field_affine = _field_grid(shape, affine)
    deformed = 1 if number else 0
    velocity = deformed * _velocity(rng, field_shape, anatomy.velocity)
    parcels = deformed * _velocity(rng, field_shape, anatomy.parcellation)
    center = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    pose, movement = _rigid(rng, center, anatomy.pose), _rigid(rng, center, anatomy.movement)
    head = _deform_head(template, affine, velocity, parcels)

    texture = _multiscale(rng, shape, voxel, anatomy.texture).astype(np.float32)
    images, image_affines = {}, {}
    for modality, settings in (("T1w", anatomy.T1w), ("T2w", anatomy.T2w)):
        image = _contrast(rng, template[modality], template["dseg"], template["mask"], settings)
        image = _deform(image, head.displacement) + TEXTURE_SIGN[modality] * texture
        image = np.where(head.mask, np.clip(image, 0, None), 0).astype(np.float32)
        grid_affine, brain, header = affine, head.mask, affine
        if modality == "T2w":
            image, grid_affine, brain = _sliced(image, head.mask, affine, movement, anatomy.T2w.slice_mm)
            # the head has moved by then, and the header claims the pose of the T1w: the rigid alignment has to undo it
            header = np.linalg.inv(movement) @ grid_affine
        images[modality] = _acquire(rng, image, grid_affine, brain, settings)
        # the head's pose in the scanner changes the header alone: it costs no interpolation
        image_affines[modality] = pose @ header

    to_template, from_template = _true_fields(head, field_affine, pose)
    return Subject(
        images, image_affines, head.mask, head.labels, to_template, pose @ field_affine, from_template, field_affine
    )
