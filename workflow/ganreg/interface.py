"""The few functions for use without the workflow, on images and files: `import ganreg` gives them."""

import importlib
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import metrics
from ganreg.preprocess import align, resample
from ganreg.register.methods import METHODS
from ganreg.settings import Block
from ganreg.spatial import itk, points
from ganreg.spatial import warp as fields
from ganreg.volumes import normalize


def preprocess_image(
    image: nib.Nifti1Image, mask: np.ndarray, template: nib.Nifti1Image, spacing: float, shape: tuple[int, int, int]
) -> nib.Nifti1Image:
    """Bring a brain onto a grid of the template's space: affine alignment, z-scores (Eq. 1), one B-spline resampling.

    Parameters
    ----------
    image : nibabel.Nifti1Image, (X, Y, Z), as `read_image` gives it
    mask : array (X, Y, Z), 0 outside the brain
    template : nibabel.Nifti1Image
        Brain-extracted, 0 outside; of any contrast.
    spacing, shape : mm, and voxels of the grid, which lies around the template's brain

    Returns
    -------
    nibabel.Nifti1Image
        float32: mean 4 and standard deviation 1 over the brain, 0 outside.

    Raises
    ------
    InputError
        If the mask is not on the image's grid, the image cannot be aligned or has no contrast inside the mask, or the
        template's brain does not fit the grid.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> places = np.indices((20, 24, 20)) - np.array([9.5, 11.5, 9.5])[:, None, None, None]
    >>> inside = np.sqrt((places**2).sum(axis=0)) < 9
    >>> data = np.where(inside, 100 + 20 * (places[0] > 0) + rng.normal(size=inside.shape), 0)
    >>> brain = nib.Nifti1Image(data.astype(np.float32), np.diag([4.0, 4, 4, 1]))
    >>> result = preprocess_image(brain, inside, brain, spacing=8, shape=(16, 16, 16))
    >>> result.shape, float(result.affine[0, 0]), bool(result.get_fdata().max() > 4)
    ((16, 16, 16), 8.0, True)
    """
    mask = np.asarray(mask) > 0
    if mask.shape != image.shape:
        raise InputError(f"mask: expected {image.shape}, the image's shape, found {mask.shape}")
    average = np.asarray(template.dataobj)
    to_image = align.align_affine(average, template.affine, image, mask, "image")
    affine = resample.grid_affine(average > 0, template.affine, shape, spacing)
    scores = nib.Nifti1Image(normalize.zscore(np.asarray(image.dataobj), mask, "image"), image.affine)
    # as a matrix and back, as from a file: the transforms of both are the same
    transform = itk.to_transform(itk.affine_matrix(to_image))
    data = resample.resample_image(scores, transform, shape, affine)
    brain = resample.resample_labels(mask.astype(np.uint8), image.affine, transform, shape, affine)
    return nib.Nifti1Image(normalize.zscore(data, brain > 0, "image on the grid"), affine)


def register_pair(
    fixed: Path, moving: Path, output: Path, method: str = "syn_mi", settings: Block | None = None
) -> None:
    """Register two preprocessed images with a tool and write the transform file, which ITK and ANTs read, too.

    Parameters
    ----------
    fixed, moving : Path
        Volumes on one grid, as `preprocess_image` gives them.
    output : Path of the transform file: millimeters on the fixed grid
    method : str
        Of the tools: syn_msq, syn_mi, syn_cc, niftyreg_ssd, niftyreg_nmi, greedy_nmi, convexadam_mind, initial.
    settings : the tool's block of settings; None: the method's default values

    Raises
    ------
    InputError
        If there is no such tool, the tool is not installed or fails, or the images cannot be read or have two grids.

    Examples
    --------
    >>> from ganreg import io
    >>> with io.scratch() as folder:
    ...     image = np.zeros((16, 16, 16), np.float32)
    ...     image[4:12, 4:12, 4:12] = 1
    ...     for name, data in (("fixed", image), ("moving", np.roll(image, 1, axis=0))):
    ...         io.save(folder / f"{name}.nii.gz", data, np.eye(4))
    ...     register_pair(folder / "fixed.nii.gz", folder / "moving.nii.gz", folder / "warp.nii.gz", "greedy_nmi")
    ...     moved = warp(io.load(folder / "moving.nii.gz"), folder / "warp.nii.gz")
    >>> before, after = (np.abs(np.asarray(each) - image).mean() for each in (np.roll(image, 1, axis=0), moved.dataobj))
    >>> bool(after < 0.5 * before)
    True
    """
    chosen = METHODS.get(method)
    if chosen is None or chosen.tool is None:
        tools = ", ".join(each.id for each in METHODS.values() if each.tool)
        raise InputError(f"method: expected one of the tools, {tools}, found {method}")
    io.require_same_grid(io.load(Path(fixed)), Path(fixed), io.load(Path(moving)), Path(moving))
    tool = importlib.import_module(chosen.tool.module)
    try:
        tool.register(Path(fixed), Path(moving), Path(output), settings or chosen.settings)
    except ModuleNotFoundError as error:
        raise InputError(f"{method}: expected the package {error.name}, found none") from None


def warp(moving: nib.Nifti1Image, transform: Path, labels: bool = False) -> nib.Nifti1Image:
    """Warp an image, or a label map structure by structure, by a transform file.

    Parameters
    ----------
    moving : nibabel.Nifti1Image, on the grid that was registered
    transform : Path, as `register_pair` writes it
    labels : bool
        Linear interpolation of each label, then the largest, instead of linear interpolation of the values.

    Returns
    -------
    nibabel.Nifti1Image on the same grid

    Raises
    ------
    InputError
        If the transform cannot be read.
    """
    displacement = points.displacement_on(Path(transform), moving.shape, moving.affine)
    if labels:
        warped = fields.warp_labels(torch.from_numpy(np.array(moving.dataobj)), displacement)
    else:
        image = torch.from_numpy(np.asarray(moving.dataobj, dtype=np.float32))
        warped = fields.warp(image[None, None], displacement)[0, 0]
    return nib.Nifti1Image(warped.numpy(), moving.affine)


def regularity(transform: Path, mask: nib.Nifti1Image) -> dict[str, float]:
    """Folding and smoothness of a transform file inside a brain.

    Parameters
    ----------
    transform : Path
    mask : nibabel.Nifti1Image, 0 outside the fixed brain; the transform is up-sampled to its grid

    Returns
    -------
    dict
        folded_forward_percent and folded_central_percent: voxels whose Jacobian determinant is 0 or less, by forward
        and by central differences; ndv_percent: non-diffeomorphic volume (Liu et al. 2024); sdlogj: standard deviation
        of the logarithm of the determinant.

    Raises
    ------
    InputError
        If the transform cannot be read.

    Examples
    --------
    >>> from ganreg import io
    >>> with io.scratch() as folder:
    ...     image = np.ones((8, 8, 8), np.float32)
    ...     io.save(folder / "fixed.nii.gz", image, np.eye(4))
    ...     register_pair(folder / "fixed.nii.gz", folder / "fixed.nii.gz", folder / "warp.nii.gz", "initial")
    ...     regularity(folder / "warp.nii.gz", io.load(folder / "fixed.nii.gz"))["folded_forward_percent"]
    0.0
    """
    displacement = points.displacement_on(Path(transform), mask.shape, mask.affine)
    return metrics.of_pair(displacement, torch.from_numpy(np.asarray(mask.dataobj) > 0))
