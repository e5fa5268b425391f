"""Distance between registered and true places, where a truth is known: between subjects, or within one."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ganreg import io
from ganreg.evaluate.external_table import ERRORS
from ganreg.spatial.points import Displacement, apply
from ganreg.volumes import bids

# the modality in whose space `bids.TO_TEMPLATE` begins
OF_FIELDS = "T1w"


class TrueField:
    """The simulated cohort's truth: where a point of one subject lies in another.

    Parameters
    ----------
    subjects : Path of the preprocessed subjects
    truth : Path of the cohort's true fields
    """

    def __init__(self, subjects: Path, truth: Path) -> None:
        self.subjects, self.truth = subjects, truth
        self._fields: dict[Path, Displacement] = {}

    def _moved(self, subject: str, name: str, points: np.ndarray) -> np.ndarray:
        """World points (3, N) moved by one of a subject's true fields."""
        path = bids.path(self.truth, subject, name)
        if path not in self._fields:
            self._fields[path] = Displacement(path)
        return self._fields[path](points)

    def __call__(self, fixed: str, moving: str, points: np.ndarray) -> np.ndarray:
        """Points (3, N) in mm of the preprocessed fixed image -> their true places in the preprocessed moving image."""
        to_fixed, to_moving = (template_to(OF_FIELDS, self.subjects, subject) for subject in (fixed, moving))
        in_template = self._moved(fixed, bids.TO_TEMPLATE, apply(to_fixed, points))
        return apply(np.linalg.inv(to_moving), self._moved(moving, bids.FROM_TEMPLATE, in_template))


def template_to(reference: str, subjects: Path, subject: str) -> np.ndarray:
    """Matrix (4, 4), RAS mm, of a preprocessed subject: template to the reference image."""
    return np.loadtxt(bids.path(subjects, subject, bids.linear("template", reference)))


def true_errors(
    displacement: torch.Tensor, mask: np.ndarray, affine: np.ndarray, truth: TrueField, pair: Mapping[str, str]
) -> np.ndarray:
    """Distance in mm between registered and true places of the voxels of the brain.

    Parameters
    ----------
    displacement : Tensor (1, 3, X, Y, Z), voxels
    mask : bool array (X, Y, Z)
    affine : array (4, 4), of the grid, mm
    truth : TrueField
    pair : dict with `fixed` and `moving`

    Returns
    -------
    array (N,), mm, in the order of `mask`'s voxels
    """
    voxels = np.argwhere(mask).T.astype(np.float64)
    moved = displacement[0].numpy()[:, mask]
    points = apply(affine, voxels)
    errors: np.ndarray = np.linalg.norm(
        apply(affine, voxels + moved) - truth(pair["fixed"], pair["moving"], points), axis=0
    )
    return errors


def true_rigid(truth: Path, subject: str, reference: str, modality: str) -> np.ndarray | None:
    """The true matrix (4, 4), RAS mm, of a subject: reference to another modality; None where there is none.

    Parameters
    ----------
    truth : Path of the true matrices, in either direction
    subject, reference, modality : str
    """
    forward, inverse = (
        bids.path(truth, subject, bids.true_rigid(*names)) for names in ((reference, modality), (modality, reference))
    )
    if forward.is_file():
        return np.loadtxt(forward)
    return np.linalg.inv(np.loadtxt(inverse)) if inverse.is_file() else None


def rigid_errors(
    subjects: Path, subject: str, reference: str, modality: str, transform: Path | None, truth: np.ndarray
) -> dict[str, float]:
    """Target registration error of one subject's modality against its reference image, on the reference's own grid.

    Parameters
    ----------
    subjects : Path of the preprocessed subjects
    subject, reference, modality : str
    transform : Path of the transform file, or None: as the scanners' headers have it
    truth : array (4, 4), RAS mm: reference to the modality

    Returns
    -------
    dict with `external_table.ERRORS`, mm
    """
    image = io.load_labels(bids.path(subjects, subject, bids.native_mask(reference)))
    brain = np.indices(image.shape).reshape(3, -1).astype(np.float64)[:, np.asarray(image.dataobj).ravel() > 0]
    corners = np.array(list(itertools.product(*((0, size - 1) for size in image.shape))), dtype=np.float64).T
    points = apply(image.affine, np.hstack([brain, corners]))
    registered = points
    if transform is not None:
        to_reference = template_to(reference, subjects, subject)
        rigid = np.loadtxt(bids.path(subjects, subject, bids.linear(reference, modality)))
        moved = Displacement(transform)(apply(np.linalg.inv(to_reference), points))
        registered = apply(rigid @ to_reference, moved)
    inside, outside = np.split(np.linalg.norm(registered - apply(truth, points), axis=0), [brain.shape[1]])
    values = float(np.median(inside)), float(inside.max()), float(outside.mean())
    return dict(zip(ERRORS, values, strict=True))
