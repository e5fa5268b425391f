"""Scanners of the embedded cohort: contrast, resolution, slices, bias field and noise, of one site or several."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ganreg.simulate import fields
from ganreg.simulate.settings import Anatomy, Contrast, Uniform

INTENSITY_MAXIMUM = 1000
# full width at half maximum of a Gaussian in units of its standard deviation
FWHM = 2.355
# smoothness of the boundaries of gray values that are given to structures
BOUNDARY_MM = 1
# what tells the random numbers of a site, and of the choice of one, from those of a subject
OF_SITE, OF_CHOICE = 2, 3


@dataclass(frozen=True)
class Scanner:
    """How one site scans a modality.

    `gamma` is a logarithm; `offsets` (labels + 1,) are gray values, as fractions of the brightest; `settings` are what
    is drawn for each subject, and noise and bias field; `blur_mm` is a full width at half maximum.
    """

    settings: Contrast
    gamma: float
    offsets: np.ndarray
    blur_mm: float


def site_of(anatomy: Anatomy, number: int) -> int:
    """The site at which a subject is scanned, from 0."""
    return int(np.random.default_rng([anatomy.seed, number, OF_CHOICE]).integers(anatomy.sites.count))


def scanners(anatomy: Anatomy, site: int, labels: int) -> Mapping[str, Scanner]:
    """The scanner of each modality at a site: at the first as the settings have it, at the others drawn about that.

    Parameters
    ----------
    anatomy : Anatomy
    site : int, from 0
    labels : int
        The largest label of the template.
    """
    rng, spread = np.random.default_rng([anatomy.seed, site, OF_SITE]), anatomy.sites
    found = {}
    for modality, settings in (("T1w", anatomy.T1w), ("T2w", anatomy.T2w)):
        factors = np.exp(rng.normal(0, [spread.bias_spread, spread.noise_spread]))
        gamma, offsets = rng.normal(0, spread.gamma_sd), rng.normal(0, spread.structure_sd, labels + 1)
        drawn = {"bias_sd": settings.bias_sd * factors[0], "noise_sd": settings.noise_sd * factors[1]}
        other = Scanner(settings.model_copy(update=drawn), gamma, offsets, rng.uniform(0, spread.blur_mm))
        found[modality] = other if site else Scanner(settings, 0, np.zeros(labels + 1), 0)
    return found


def show(
    rng: np.random.Generator,
    image: np.ndarray,
    template: dict[str, np.ndarray],
    voxel: float,
    uniform: Uniform,
    scanner: Scanner,
) -> np.ndarray:
    """The template's gray values in a scanner's contrast: a random gamma and an offset for each structure.

    Parameters
    ----------
    rng : numpy.random.Generator
    image : float32 array (X, Y, Z), one modality of the template
    template : dict of arrays (X, Y, Z), `mask` and `dseg`
    voxel : float, mm
    uniform : Uniform
    scanner : Scanner
    """
    labels, mask = template["dseg"], template["mask"]
    settings = scanner.settings
    top = np.percentile(image[mask], 99.5)
    scaled = np.clip(image / top, 0, None) ** np.exp(scanner.gamma + rng.normal(0, settings.gamma_sd))
    offsets = scanner.offsets + rng.normal(0, settings.structure_sd, len(scanner.offsets))
    added = offsets[labels] * mask
    chosen = np.isin(labels, uniform.labels)
    own, values = labels[chosen], scaled[chosen]
    means = np.bincount(own, values) / np.maximum(np.bincount(own), 1)
    added[chosen] += uniform.share * (means[own] - values)
    return scaled + ndimage.gaussian_filter(added, BOUNDARY_MM / voxel)


def cut(
    image: np.ndarray, mask: np.ndarray, affine: np.ndarray, movement: np.ndarray, slice_mm: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image of a head that has moved, in thick slices: the image, its affine and the brain mask on its grid."""
    shape = image.shape
    thickness = max(1.0, float(slice_mm / np.linalg.norm(affine[:3, 0])))
    # a slice profile of full width at half maximum equal to the slice thickness
    image = ndimage.gaussian_filter1d(image, thickness / FWHM, axis=2) if thickness > 1 else image
    grid_shape = (*shape[:2], int(np.ceil(shape[2] / thickness)))
    grid_affine = movement @ affine @ np.diag([1, 1, thickness, 1])
    brain = fields.pull(mask.astype(np.float32), affine, grid_shape, grid_affine) > 0.5
    return fields.pull(image, affine, grid_shape, grid_affine), grid_affine, brain


def acquire(
    rng: np.random.Generator, image: np.ndarray, affine: np.ndarray, mask: np.ndarray, scanner: Scanner
) -> np.ndarray:
    """Resolution, bias field, Rician noise and rounding: the int16 image (X, Y, Z), 0 outside the brain."""
    settings = scanner.settings
    if scanner.blur_mm:
        image = ndimage.gaussian_filter(image, scanner.blur_mm / FWHM / np.linalg.norm(affine[:3, :3], axis=0))
    shape, coarse = fields.coarse_grid(image.shape, affine)
    smoothness = settings.bias_smoothness_mm / fields.SPACING_MM
    log_bias = settings.bias_sd * fields.gaussian_random_field(rng, shape, smoothness)
    image = image * np.exp(fields.pull(log_bias.astype(np.float32), coarse, image.shape, affine))
    noise = rng.normal(0, settings.noise_sd, (2, *image.shape))
    noisy = np.hypot(image + noise[0], noise[1])
    return np.where(mask, np.clip(np.rint(noisy * INTENSITY_MAXIMUM), 0, np.iinfo(np.int16).max), 0).astype(np.int16)
