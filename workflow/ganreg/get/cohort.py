"""The embedded cohort: simulated subjects, each a random diffeomorphism of ICBM-152 with its own contrast.

Everything is drawn from (`seed`, subject number), so that a subject is the same on any machine and whatever the
number of subjects. It is simulated data, and shares nothing with the augmentation of the training images.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.spatial import warp

FIELD_SPACING_MM = 2.0
INTENSITY_MAXIMUM = 1000


@dataclass
class Subject:
    """One simulated subject; arrays are (X, Y, Z), affines (4, 4) in mm, displacements (3, X, Y, Z) in RAS mm."""

    images: dict
    image_affines: dict
    mask: np.ndarray
    labels: np.ndarray
    to_template: np.ndarray
    to_template_affine: np.ndarray
    from_template: np.ndarray
    from_template_affine: np.ndarray


def gaussian_random_field(rng, shape, smoothness_voxels):
    """Gaussian random field of mean 0 and standard deviation 1 on a periodic grid, by smoothing white noise."""
    noise = rng.standard_normal(shape).astype(np.float32)
    field = ndimage.gaussian_filter(noise, smoothness_voxels, mode="wrap")
    return (field - field.mean(dtype=np.float64)) / field.std(dtype=np.float64)


def _multiscale(rng, shape, spacing, scales):
    """Sum of Gaussian random fields; each scale has `smoothness_mm` and a standard deviation `sd`."""
    return sum(s["sd"] * gaussian_random_field(rng, shape, s["smoothness_mm"] / spacing) for s in scales)


def _field_grid(shape, affine):
    """A coarser grid over the same box: shape and affine at `FIELD_SPACING_MM`."""
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    coarse_shape = tuple(int(np.ceil((n - 1) * v / FIELD_SPACING_MM)) + 1 for n, v in zip(shape, voxel, strict=True))
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] / voxel * FIELD_SPACING_MM
    return coarse_shape, coarse


def _velocity(rng, shape, scales):
    """Random velocity (3, X, Y, Z) in mm on the field grid."""
    return np.stack([_multiscale(rng, shape, FIELD_SPACING_MM, scales) for _ in range(3)])


def _exponential(velocity):
    """Displacement in mm after unit time of a velocity (3, X, Y, Z) in mm on the field grid."""
    tensor = torch.from_numpy((velocity / FIELD_SPACING_MM).astype(np.float32))[None]
    return warp.integrate(tensor, steps=7)[0].numpy() * FIELD_SPACING_MM


def _composed(first, second):
    """Displacement in mm of `first` after `second`, both (3, X, Y, Z) in mm on the field grid."""
    first, second = (torch.from_numpy((field / FIELD_SPACING_MM).astype(np.float32))[None] for field in (first, second))
    return warp.compose(first, second)[0].numpy() * FIELD_SPACING_MM


def _rigid(rng, centre, rotation_deg, translation_mm):
    """Random rigid world matrix (4, 4) about a centre, uniform within plus and minus the given sizes."""
    matrix = np.eye(4)
    angles = rng.uniform(-rotation_deg, rotation_deg, 3)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + rng.uniform(-translation_mm, translation_mm, 3)
    return matrix


def _pull(data, affine, shape, target_affine, mode="bilinear"):
    """Resample an array onto another grid in world space."""
    matrix, offset = warp.scale_of(affine, target_affine)
    coordinates = torch.einsum("ij,bjxyz->bixyz", matrix, warp.identity_grid(shape)) + offset.view(1, 3, 1, 1, 1)
    return warp.sample(torch.from_numpy(np.ascontiguousarray(data))[None, None], coordinates, mode)[0, 0].numpy()


def _deform(data, displacement_voxels, mode="bilinear"):
    """Sample an array at x + u(x), u in voxels of its own grid."""
    tensor = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))[None, None]
    return warp.warp(tensor, displacement_voxels, mode)[0, 0].numpy()


def _contrast(rng, image, labels, mask, options):
    """One modality's own grey values, before warping: random gamma and an offset for each structure."""
    top = np.percentile(image[mask], 99.5)
    scaled = np.clip(image / top, 0, None) ** np.exp(rng.normal(0, options["gamma_sd"]))
    offsets = rng.normal(0, options["structure_sd"], labels.max() + 1)
    return scaled + ndimage.gaussian_filter(offsets[labels] * mask, 1.0)


def _acquire(rng, image, affine, mask, options):
    """Bias field, Rician noise and rounding: what the scanner adds."""
    shape, coarse = _field_grid(image.shape, affine)
    log_bias = options["bias_sd"] * gaussian_random_field(rng, shape, options["bias_smoothness_mm"] / FIELD_SPACING_MM)
    image = image * np.exp(_pull(log_bias.astype(np.float32), coarse, image.shape, affine))
    noise = rng.normal(0, options["noise_sd"], (2, *image.shape))
    noisy = np.hypot(image + noise[0], noise[1])
    return np.where(mask, np.clip(np.rint(noisy * INTENSITY_MAXIMUM), 0, np.iinfo(np.int16).max), 0).astype(np.int16)


def coarsen(template, affine, spacing):
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
    coarse |= {name: ndimage.gaussian_filter(template[name], step / 2.355)[every] for name in ("T1w", "T2w")}
    return coarse, affine @ np.diag([step, step, step, 1])


def simulate_subject(template, affine, number, options):
    """Simulate one subject.

    Parameters
    ----------
    template : dict of arrays (X, Y, Z)
        `T1w`, `T2w`, `mask`, `dseg` of the template, as `template.load_template` gives them.
    affine : array (4, 4), mm
    number : int
        The subject's number; 0 is the template itself with a scanner's noise, for an atlas.
    options : dict
        The `cohort` block of the configuration.

    Returns
    -------
    Subject
        `to_template` lives on the subject's own grid: p + d(p) is the template point of the subject point p;
        `from_template` lives on the template's grid and leads back. Both are exact where sampled at their nodes and
        define the truth by linear interpolation in between.
    """
    rng = np.random.default_rng([options["seed"], number])
    field_shape, field_affine = _field_grid(template["mask"].shape, affine)
    deformed = 1 if number else 0
    velocity = deformed * _velocity(rng, field_shape, options["velocity"])
    forward, backward = _exponential(velocity), _exponential(-velocity)
    parcels = deformed * _velocity(rng, field_shape, options["parcellation"])

    shape, voxel = template["mask"].shape, np.linalg.norm(affine[:3, 0])
    centre = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    pose = _rigid(rng, centre, options["pose"]["rotation_deg"], options["pose"]["translation_mm"])
    movement = _rigid(rng, centre, options["movement"]["rotation_deg"], options["movement"]["translation_mm"])

    def to_voxels(field):
        # both grids begin at one corner, and the spacings' ratio is whole
        fine = [round((size - 1) * FIELD_SPACING_MM / voxel) + 1 for size in field_shape]
        field = functional.interpolate(torch.from_numpy(field)[None], fine, mode="trilinear", align_corners=True)
        to_axes = torch.from_numpy(np.linalg.inv(affine[:3, :3])).float()
        return torch.einsum("ij,bjxyz->bixyz", to_axes, field[..., : shape[0], : shape[1], : shape[2]])

    anatomical = to_voxels(forward)
    mask = _deform(template["mask"], anatomical, "nearest") > 0.5
    # the parcels' own jitter comes first: boundaries drawn by a rater do not follow the grey values exactly
    label_field = to_voxels(_composed(_exponential(parcels), forward))
    labels = np.where(mask, _deform(template["dseg"], label_field, "nearest"), 0).astype(np.int16)

    texture = _multiscale(rng, shape, voxel, options["texture"]).astype(np.float32)
    images, image_affines = {}, {}
    for modality, sign in (("T1w", 1), ("T2w", -1)):
        settings = options[modality]
        image = _contrast(rng, template[modality], template["dseg"], template["mask"], settings)
        image = _deform(image, anatomical) + sign * texture
        image = np.where(mask, np.clip(image, 0, None), 0).astype(np.float32)
        grid_shape, grid_affine, brain = shape, affine, mask
        if modality == "T2w":
            thickness = max(1, settings["slice_mm"] / voxel)
            # a slice profile of full width at half maximum equal to the slice thickness
            image = ndimage.gaussian_filter1d(image, thickness / 2.355, axis=2) if thickness > 1 else image
            grid_shape = (*shape[:2], int(np.ceil(shape[2] / thickness)))
            grid_affine = movement @ affine @ np.diag([1, 1, thickness, 1])
            image = _pull(image, affine, grid_shape, grid_affine)
            brain = _pull(mask.astype(np.float32), affine, grid_shape, grid_affine) > 0.5
        images[modality] = _acquire(rng, image, grid_affine, brain, settings)
        # the head's pose in the scanner only changes the header: it costs no interpolation. The T2w head has moved
        # by then: its header claims the T1w pose, which is what the rigid alignment has to undo.
        header = pose @ (np.linalg.inv(movement) @ grid_affine if modality == "T2w" else grid_affine)
        image_affines[modality] = header

    grid = warp.identity_grid(field_shape)[0].numpy().reshape(3, -1)

    def world(matrix, offset_mm=0):
        points = matrix[:3, :3] @ grid + matrix[:3, 3:]
        return points + (offset_mm.reshape(3, -1) if np.ndim(offset_mm) else 0)

    subject_affine = pose @ field_affine
    to_template = world(field_affine, forward) - world(subject_affine)
    moved = pose[:3, :3] @ world(field_affine, backward) + pose[:3, 3:]
    from_template = moved - world(field_affine)
    return Subject(
        images=images,
        image_affines=image_affines,
        mask=mask,
        labels=labels,
        to_template=to_template.reshape(3, *field_shape).astype(np.float32),
        to_template_affine=subject_affine,
        from_template=from_template.reshape(3, *field_shape).astype(np.float32),
        from_template_affine=field_affine,
    )
