"""One subject onto the grids of the template space: what every set of subjects is preprocessed by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from ganreg import io
from ganreg.errors import InputError
from ganreg.preprocess import resample
from ganreg.spatial import itk
from ganreg.volumes import bids, labels, normalize

# label numbers of a subject: the background, the rest of the brain, and one structure
LEAST_NUMBERS = 3


@dataclass(frozen=True)
class Aligned:
    """A subject on its own grids, aligned to the template.

    Parameters
    ----------
    reference : str
        The modality on whose grid the mask and the structures are.
    brain : nibabel.Nifti1Image
        Mask, 0 outside the brain.
    structures : int array of the mask's shape, as `labels.to_structures` gives it
    images : dict, modality -> nibabel.Nifti1Image
        Z-scored, 0 outside the brain; the reference is among them.
    to_images : dict, modality -> array (4, 4)
        RAS world matrices, points of the template space to points of an image.
    """

    reference: str
    brain: nib.Nifti1Image
    structures: np.ndarray
    images: dict[str, nib.Nifti1Image]
    to_images: dict[str, np.ndarray]


@dataclass(frozen=True)
class Target:
    """A grid of the template space: shape (X, Y, Z) and affine (4, 4), mm, isotropic."""

    shape: tuple[int, ...]
    affine: np.ndarray


@dataclass(frozen=True)
class Volume:
    """What is written: an array, its affine (4, 4) in mm, and its type on disk."""

    data: np.ndarray
    affine: np.ndarray
    dtype: npt.DTypeLike


def alignment_names(reference: str, modalities: Iterable[str]) -> dict[str, str]:
    """Names of what alignment leaves of a subject: the native mask, and for each modality the matrix that leads to it.

    The reference's leads there from the template, the others' from the reference.
    """
    names = {"mask": bids.native_mask(reference), reference: bids.linear("template", reference)}
    return names | {each: bids.linear(reference, each) for each in modalities if each != reference}


def read_aligned(
    files: dict[str, Path], images: dict[str, Path], reference: str, labels_path: Path, table_path: Path
) -> Aligned:
    """Read a subject on its own grids.

    Parameters
    ----------
    files : dict of Path, of `alignment_names`
    images : dict, modality -> Path of the z-scored image
    reference : str
    labels_path, table_path : Path of the label volume, on the reference's grid, and of its label table

    Raises
    ------
    InputError
        If a file is unreadable, the grids of mask and labels differ, or none of the table's labels lies inside the
        brain.
    """
    brain, dseg, table = io.load_labels(files["mask"]), io.load_labels(labels_path), labels.read_table(table_path)
    io.require_same_grid(brain, files["mask"], dseg, labels_path)
    structures = labels.to_structures(np.asarray(dseg.dataobj), table, np.asarray(brain.dataobj) > 0)
    if len(np.unique(structures)) < LEAST_NUMBERS:
        raise InputError(f"{labels_path}: expected labels of {table_path}, found none of them inside the brain")
    matrices = {modality: np.loadtxt(files[modality]) for modality in images}
    to_images = {
        modality: matrix if modality == reference else matrix @ matrices[reference]
        for modality, matrix in matrices.items()
    }
    volumes = {modality: io.load_image(path) for modality, path in images.items()}
    return Aligned(reference, brain, structures, volumes, to_images)


def resample_subject(
    subject: Aligned, work: Target, evaluation: Target, partial: bool = False
) -> Iterator[tuple[str, Volume]]:
    """Bring a subject onto the working and the evaluation grid, each image and label map in one resampling.

    Images are z-scored over the brain of the working grid (`normalize.zscore`), as synthetic ones are.

    Parameters
    ----------
    subject : Aligned
    work, evaluation : Target
    partial : bool
        Whether scans show a part of the head. If so, masks of the field of view say where the scan of each modality
        reaches, as far as that of the reference does, and where the reference's reaches on the evaluation grid.

    Yields
    ------
    name (of `ganreg.volumes.bids`), Volume
    """
    reference = itk.to_transform(subject.to_images[subject.reference])
    structures, affine = subject.structures, subject.brain.affine
    dseg = resample.resample_labels(structures, affine, reference, work.shape, work.affine)
    mask = dseg > 0
    yield bids.MASK, Volume(mask, work.affine, np.uint8)
    yield bids.DSEG, Volume(dseg, work.affine, np.uint8)
    fine = resample.resample_labels(structures, affine, reference, evaluation.shape, evaluation.affine)
    yield bids.EVALUATION_DSEG, Volume(fine, evaluation.affine, np.uint8)
    views = {modality: _view(subject, modality, work) for modality in subject.images} if partial else {}
    for modality, image in subject.images.items():
        transform = itk.to_transform(subject.to_images[modality])
        data = resample.resample_image(image, transform, work.shape, work.affine)
        # what was not scanned is no part of the mean; the low-pass has taken a seventh of the deviation
        inside = mask & (views[modality] > 0) if partial else mask
        scores = normalize.zscore(data, inside, f"{modality} on the working grid")
        yield bids.preprocessed(modality), Volume(scores, work.affine, np.float32)
    if partial:
        yield bids.EVALUATION_FOV, Volume(_view(subject, subject.reference, evaluation), evaluation.affine, np.uint8)
        for modality, view in views.items():
            common = views[subject.reference] * view
            yield bids.field_of_view(modality), Volume(common, work.affine, np.uint8)


def _view(subject: Aligned, modality: str, target: Target) -> np.ndarray:
    """Where the scan of a modality reaches on a grid: 1 there, 0 elsewhere."""
    image, transform = subject.images[modality], itk.to_transform(subject.to_images[modality])
    whole = np.ones(image.shape, np.uint8)
    return resample.resample_labels(whole, image.affine, transform, target.shape, target.affine)
