"""Where the brain is: the mask on the reference image's grid, and on other images of the same head."""

from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np

from ganreg import io
from ganreg.errors import InputError
from ganreg.preprocess import resample
from ganreg.spatial.itk import to_transform
from ganreg.volumes import labels

# a head holds 0.6 to 2.2 liters of brain; outside of that the mask is of something else
BRAIN_LITERS = (0.6, 2.2)

# a mask, labels that cover the brain, or the image itself, 0 outside the brain
Source = Literal["mask", "labels", "image"]


def find_mask(
    source: Source, reference: nib.Nifti1Image, reference_path: Path, brain_path: Path | None = None
) -> np.ndarray:
    """Brain mask on the reference image's grid.

    Parameters
    ----------
    source : "mask", "labels" or "image"
    reference : nibabel.Nifti1Image
    reference_path : Path, named in errors
    brain_path : Path of the mask or of the labels; not read where the image itself is the source

    Returns
    -------
    bool array of the reference image's shape

    Raises
    ------
    InputError
        If there is no file to read, it is unreadable or on another grid, or the mask does not have a brain's volume.
    """
    if source == "image":
        image, path = reference, reference_path
        mask = np.asarray(reference.dataobj) > 0
    elif brain_path is None:
        raise InputError(f"{reference_path}: expected a brain mask or labels beside it, found none")
    elif source == "labels":
        image, path = io.load_labels(brain_path), brain_path
        mask = labels.brain_mask(np.asarray(image.dataobj))
    else:
        image, path = io.load(brain_path), brain_path
        mask = np.asarray(image.dataobj) > 0.5
    io.require_same_grid(reference, reference_path, image, path)
    liters = mask.sum() * abs(np.linalg.det(image.affine[:3, :3])) / 1e6
    if not BRAIN_LITERS[0] <= liters <= BRAIN_LITERS[1]:
        low, high = BRAIN_LITERS
        raise InputError(f"{path}: expected a brain of {low} to {high} liters, found {liters:.2f}")
    return mask


def mask_on(
    image: nib.Nifti1Image, path: Path, mask: nib.Nifti1Image, mask_path: Path, rigid: np.ndarray | None = None
) -> np.ndarray:
    """The reference image's mask on an image of the same head.

    Parameters
    ----------
    image, mask : nibabel.Nifti1Image
    path, mask_path : Path, named in errors
    rigid : array (4, 4)
        RAS world matrix, points of the reference to points of the image; None: the image is the reference itself.

    Returns
    -------
    bool array of the image's shape

    Raises
    ------
    InputError
        If the image is the reference and its grid is not the mask's.
    """
    if rigid is None:
        io.require_same_grid(mask, mask_path, image, path)
        return np.asarray(mask.dataobj) > 0
    return resample.resample_mask(mask, to_transform(np.linalg.inv(rigid)), image)
