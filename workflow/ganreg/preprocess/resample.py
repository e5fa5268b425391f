"""One resampling onto a grid of the template space: third-order B-spline for images, one-hot argmax for labels."""

from collections.abc import Sequence

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ganreg.errors import InputError
from ganreg.spatial.itk import from_sitk, to_sitk

# full width at half maximum of a Gaussian in units of its standard deviation
FWHM = 2.3548


def grid_affine(mask: np.ndarray, affine: np.ndarray, shape: Sequence[int], spacing: float) -> np.ndarray:
    """Affine of a grid of given shape and spacing (mm), RAS, centered on the template's brain.

    Parameters
    ----------
    mask : bool array (X, Y, Z), the template's
    affine : array (4, 4), the template's
    shape : three ints
    spacing : float, mm

    Raises
    ------
    InputError
        If the brain does not fit into the grid.
    """
    inside = np.argwhere(mask)
    center = affine[:3, :3] @ ((inside.min(0) + inside.max(0)) / 2) + affine[:3, 3]
    result = np.diag([spacing, spacing, spacing, 1.0])
    result[:3, 3] = center - spacing * (np.array(shape) - 1) / 2
    # the axes of both grids are parallel or nearly so
    extent = np.abs(affine[:3, :3]) @ (inside.max(0) - inside.min(0))
    size = spacing * np.array(shape)
    if (extent > size).any():
        expected, found = (" x ".join(f"{length:.0f}" for length in box) for box in (extent, size))
        message = f"expected shape and spacing of a box of {expected} mm or more, the template's brain"
        raise InputError(f"grid: {message}, found {found} mm")
    return result


def _reference(shape: Sequence[int], affine: np.ndarray) -> sitk.Image:
    return to_sitk(np.zeros(shape, dtype=np.uint8), affine)


def _low_pass(image: sitk.Image, spacing: float) -> sitk.Image:
    """Smooth along the axes that get coarser, so that the width of the profile becomes the new spacing."""
    for axis, old in enumerate(image.GetSpacing()):
        if spacing > old * 1.01:
            sigma = np.sqrt(spacing**2 - old**2) / FWHM
            image = sitk.RecursiveGaussian(image, sigma, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)
    return image


def resample_image(
    image: nib.Nifti1Image, transform: sitk.Transform, shape: Sequence[int], affine: np.ndarray
) -> np.ndarray:
    """Resample an image once with third-order B-splines.

    Parameters
    ----------
    image : nibabel.Nifti1Image
        Brain-extracted, 0 outside.
    transform : SimpleITK.Transform
        Maps points of the target space to points of the image.
    shape, affine : the target grid; mm, isotropic

    Returns
    -------
    float32 array of `shape`
    """
    smooth = _low_pass(to_sitk(np.asarray(image.dataobj, dtype=np.float32), image.affine), affine[0, 0])
    result = sitk.Resample(smooth, _reference(shape, affine), transform, sitk.sitkBSpline3, 0.0, sitk.sitkFloat32)
    return from_sitk(result)


def resample_labels(
    labels: np.ndarray, affine_labels: np.ndarray, transform: sitk.Transform, shape: Sequence[int], affine: np.ndarray
) -> np.ndarray:
    """Resample labels: each one's membership, low-passed, linearly; the largest wins (0 is a label, too).

    Parameters
    ----------
    labels : int array (X, Y, Z)
    affine_labels : array (4, 4), its grid
    transform, shape, affine : as for `resample_image`

    Returns
    -------
    uint8 or int32 array of `shape`
    """
    reference = _reference(shape, affine)
    dtype = np.uint8 if labels.max() < 256 else np.int32
    best, result = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=dtype)
    total = np.zeros(shape, dtype=np.float32)
    # room for the low-pass to fall off inside the crop
    margin = int(np.ceil(2 * affine[0, 0] / np.linalg.norm(affine_labels[:3, :3], axis=0).min())) + 1
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        box = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in box)
        crop = affine_labels.copy()
        crop[:3, 3] += affine_labels[:3, :3] @ [s.start for s in box]
        membership = _low_pass(to_sitk((labels[box] == label).astype(np.float32), crop), affine[0, 0])
        share = from_sitk(sitk.Resample(membership, reference, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32))
        total += share
        wins = share > best
        best[wins], result[wins] = share[wins], label
    result[best < 1 - total] = 0
    return result


def resample_mask(mask: nib.Nifti1Image, transform: sitk.Transform, image: nib.Nifti1Image) -> np.ndarray:
    """Bring a mask onto an image's grid: linear interpolation, inside where 0.5 or more.

    Parameters
    ----------
    mask, image : nibabel.Nifti1Image
    transform : SimpleITK.Transform
        Maps points of the image to points of the mask.

    Returns
    -------
    bool array of the image's shape
    """
    share = to_sitk(np.asarray(mask.dataobj, dtype=np.float32), mask.affine)
    reference = _reference(image.shape, image.affine)
    return from_sitk(sitk.Resample(share, reference, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)) >= 0.5
