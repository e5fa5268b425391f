"""Simulated patients with the geometry of RIRE: a head in T1w, T2w, CT and PET, each at a rigid offset of its own.

The brain is a subject of the embedded cohort; a shell of fluid, bone and scalp is put around it, and CT and PET are
made from the tissues that the template's T1w shows. The volumes reach from above the head 104 mm down, as RIRE's do, so
that the lower brain is out of sight. Everything is simulated, and the offsets are known exactly.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ganreg.simulate import cohort, scanner
from ganreg.simulate.settings import PATIENT_MODALITIES, Anatomy, Patients, Rigid
from ganreg.spatial import warp

# RIRE's MR: voxels, and mm a voxel
SHAPE = (256, 256, 26)
SPACING = (1.25, 1.25, 4.0)
# mm between the top of the grid and that of the brain, where nothing is offset
ABOVE_MM = 16
# outer distance from the brain (mm) of fluid, bone and scalp, and their gray values; the last ones are air's
LAYERS_MM = [2, 8, 14]
LAYERS: dict[str, list[float]] = {
    "T1w": [0.15, 0.05, 0.9, 0],
    "T2w": [0.9, 0.05, 0.5, 0],
    "ct": [10, 1000, 30, -1000],
    "pet": [0.05, 0.02, 0.25, 0],
}
# gray values over those of the template's T1w, as a fraction of its brightest: fluid, gray matter, white matter
TISSUES = [0.2, 0.35, 0.62, 0.85, 1]
CT_HU = [8, 12, 38, 29, 29]
PET_UPTAKE = [0.05, 0.15, 1, 0.3, 0.25]
# full width at half maximum of PET, and standard deviations of the noise
PET_FWHM_MM = 6
NOISE = {"T1w": 0.01, "T2w": 0.01, "ct": 4, "pet": 0.03}
# of the stored whole numbers, so many a unit
SCALE = {"T1w": 1000, "T2w": 1000, "ct": 1, "pet": 1000}
FWHM = 2.3548


@dataclass(frozen=True)
class Patient:
    """Arrays are (X, Y, Z) of `SHAPE`; affines (4, 4) RAS mm; offsets map points of the T1w to points of an image."""

    images: dict[str, np.ndarray]
    affine: np.ndarray
    offsets: dict[str, np.ndarray]
    mask: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class _Head:
    """A head on the grid of its brain, with room around it.

    `layer` is the number of each voxel's layer around the brain; `brains` the gray values of a modality inside it.
    """

    affine: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    layer: np.ndarray
    brains: dict[str, np.ndarray]


def _offset(rng: np.random.Generator, center: np.ndarray, limits: Rigid) -> np.ndarray:
    """Random rigid matrix (4, 4) about a center: axis and direction random, sizes uniform up to the limits."""
    axis, direction = rng.standard_normal((2, 3))
    angle = rng.uniform(0, limits.rotation_deg)
    length = rng.uniform(0, limits.translation_mm)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.deg2rad(angle) * axis / np.linalg.norm(axis)).as_matrix()
    matrix[:3, 3] = center - matrix[:3, :3] @ center + length * direction / np.linalg.norm(direction)
    return matrix


def _grid(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The scanner's grid (affine, RAS) over a head whose brain is `mask`."""
    voxels = np.argwhere(mask)
    low, high = (affine @ [*corner, 1] for corner in (voxels.min(0), voxels.max(0)))
    extent = (np.array(SHAPE) - 1) * SPACING
    origin = (low[:3] + high[:3]) / 2 - extent / 2
    origin[2] = high[2] + ABOVE_MM - extent[2]
    grid = np.diag([*SPACING, 1.0])
    grid[:3, 3] = origin
    return grid


def _slices(
    volume: np.ndarray,
    affine: np.ndarray,
    offset: np.ndarray,
    grid: np.ndarray,
    mode: warp.Mode = "bilinear",
) -> np.ndarray:
    """A head volume as the scanner's grid sees it, the head moved by `offset`."""
    matrix, start = warp.scale_of(offset @ affine, grid)
    coordinates = torch.einsum("ij,bjxyz->bixyz", matrix, warp.identity_grid(SHAPE)) + start.view(1, 3, 1, 1, 1)
    tensor = torch.from_numpy(np.ascontiguousarray(volume, dtype=np.float32))[None, None]
    return warp.sample(tensor, coordinates, mode)[0, 0].numpy()


def _from_template(image: np.ndarray, affine: np.ndarray, subject: cohort.Subject) -> np.ndarray:
    """The template's image in the subject's anatomy, on the subject's T1w grid."""
    shape, grid = subject.labels.shape, subject.image_affines["T1w"]
    field = torch.from_numpy(subject.to_template)[None]
    moved = warp.resample_displacement(field, subject.to_template_affine, shape, grid)
    # from voxels of the subject's grid to those of the template's
    matrix, start = warp.scale_of(affine, grid)
    places = warp.identity_grid(shape) + moved
    coordinates = torch.einsum("ij,bjxyz->bixyz", matrix, places) + start.view(1, 3, 1, 1, 1)
    return warp.sample(torch.from_numpy(np.ascontiguousarray(image))[None, None], coordinates)[0, 0].numpy()


def _build_head(template: dict[str, np.ndarray], affine: np.ndarray, subject: cohort.Subject) -> _Head:
    """The head around a simulated brain."""
    grid = subject.image_affines["T1w"]
    voxel = np.linalg.norm(grid[:3, :3], axis=0)
    margin = int(np.ceil(LAYERS_MM[-1] / voxel.min())) + 1
    mask = np.pad(subject.mask, margin)
    layer = np.searchsorted(LAYERS_MM, ndimage.distance_transform_edt(~mask, sampling=voxel))
    tissue = _from_template(template["T1w"], affine, subject)
    tissue = np.pad(tissue / np.percentile(tissue[subject.mask], 99.5), margin)
    brains = {name: np.pad(subject.images[name] / scanner.INTENSITY_MAXIMUM, margin) for name in ("T1w", "T2w")}
    brains["ct"], brains["pet"] = np.interp(tissue, TISSUES, CT_HU), np.interp(tissue, TISSUES, PET_UPTAKE)
    padded = grid @ np.array([[1, 0, 0, -margin], [0, 1, 0, -margin], [0, 0, 1, -margin], [0, 0, 0, 1.0]])
    return _Head(padded, mask, np.pad(subject.labels, margin), layer, brains)


def _acquire(rng: np.random.Generator, head: _Head, modality: str, offset: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The int16 volume of one modality: a head at an offset, seen in thick slices with noise."""
    values = np.where(head.mask, head.brains[modality], np.array(LAYERS[modality])[head.layer]).astype(np.float32)
    width: list[float] = [PET_FWHM_MM if modality == "pet" else 0] * 3
    # the profile of a slice is as wide as the slice is thick
    width[2] = max(width[2], SPACING[2])
    air = LAYERS[modality][-1]
    smooth = ndimage.gaussian_filter(values - air, np.array(width) / np.linalg.norm(head.affine[:3, :3], axis=0) / FWHM)
    seen = _slices(smooth, head.affine, offset, grid) + air
    noise = rng.normal(0, NOISE[modality], (2, *SHAPE))
    seen = np.hypot(seen + noise[0], noise[1]) if modality in ("T1w", "T2w") else seen + noise[0]
    return np.rint(seen * SCALE[modality]).astype(np.int16)


def simulate_patient(
    template: dict[str, np.ndarray], affine: np.ndarray, number: int, anatomy: Anatomy, patients: Patients
) -> Patient:
    """Simulate one patient.

    Parameters
    ----------
    template, affine : as `cohort.simulate_subject` wants them
    number : int, from 1
    anatomy : Anatomy
        Of the brain; pose, movement, thick slices and the seed are the patients' own.
    patients : Patients

    Returns
    -------
    Patient
    """
    still = Rigid(rotation_deg=0, translation_mm=0)
    t2w = anatomy.T2w.model_copy(update={"slice_mm": 0})
    brain = anatomy.model_copy(update={"seed": patients.seed, "pose": still, "movement": still, "T2w": t2w})
    subject = cohort.simulate_subject(template, affine, number, brain)
    rng = np.random.default_rng([patients.seed, number, 1])
    head = _build_head(template, affine, subject)
    grid = _grid(subject.mask, subject.image_affines["T1w"])
    center = grid[:3, :3] @ ((np.array(SHAPE) - 1) / 2) + grid[:3, 3]
    images, offsets = {}, {}
    for modality in PATIENT_MODALITIES:
        # the offset of each comes before its noise
        offsets[modality] = np.eye(4) if modality == "T1w" else _offset(rng, center, patients.offset)
        images[modality] = _acquire(rng, head, modality, offsets[modality], grid)
    labels = _slices(head.labels, head.affine, np.eye(4), grid, "nearest").astype(np.int16)
    inside = _slices(head.mask, head.affine, np.eye(4), grid, "nearest") > 0.5
    return Patient(images, grid, offsets, inside, labels)
