"""Registration of patients of another data set: Dice between patients, target registration error within one."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ganreg import io
from ganreg.evaluate import overlap
from ganreg.evaluate.patients_table import ERRORS
from ganreg.preprocess.labels import REST
from ganreg.progress import Progress
from ganreg.spatial import warp
from ganreg.spatial.points import Displacement, apply

# what an image is before anything was registered: as the scanners' headers have it
HEADERS = "headers"
KEYS = ["dataset", "fold", "pair", "fixed", "moving", "modality", "method"]


class Preprocessed:
    """The files of preprocessed patients, as `preprocess_patient` writes them."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def _stem(self, patient):
        return f"{self.folder}/sub-{patient}/anat/sub-{patient}_"

    def structures(self, patient):
        """Structures on the grid of the patient's T1w (nibabel image); 0 is outside the brain."""
        return io.load_labels(f"{self._stem(patient)}space-T1w_dseg.nii.gz")

    def to_t1w(self, patient):
        """Matrix (4, 4), RAS mm: template to T1w."""
        return np.loadtxt(f"{self._stem(patient)}from-template_to-T1w_xfm.txt")

    def rigid(self, patient, modality):
        """Matrix (4, 4), RAS mm: T1w to another modality, as aligned."""
        return np.loadtxt(f"{self._stem(patient)}from-T1w_to-{modality}_xfm.txt")


def _voxels(image):
    """Voxel indices (3, N) of an image, last axis fastest."""
    return np.indices(image.shape).reshape(3, -1).astype(np.float64)


def between(pair, patients, transform, structures):
    """Dice of one pair of patients on the grid of the fixed patient's T1w.

    Voxels of the fixed brain count where the moving patient's T1w reaches after the affine alignment, for every method
    alike: the volumes cover a part of the head.

    Parameters
    ----------
    pair : dict with fixed and moving
    patients : Preprocessed
    transform : Path of the transform file
    structures : pandas.DataFrame with index and name

    Returns
    -------
    list of dict: structure, dice (NaN where neither patient shows the structure)
    """
    fixed, moving = patients.structures(pair["fixed"]), patients.structures(pair["moving"])
    voxels = _voxels(fixed)
    points = apply(np.linalg.inv(patients.to_t1w(pair["fixed"])) @ fixed.affine, voxels)
    to_voxels = np.linalg.inv(moving.affine) @ patients.to_t1w(pair["moving"])
    start = apply(to_voxels, points)
    reached = ((start > -0.5) & (start < np.array(moving.shape)[:, None] - 0.5)).all(axis=0).reshape(fixed.shape)
    places = apply(to_voxels, Displacement(transform)(points))
    displacement = torch.from_numpy((places - voxels).astype(np.float32)).view(1, 3, *fixed.shape)
    warped = warp.warp_labels(torch.from_numpy(np.array(moving.dataobj)), displacement).numpy()
    first, second = np.asarray(fixed.dataobj) * reached, warped * reached
    dice = overlap.dice(first, second, int(structures["index"].max()))
    wanted = structures[structures["name"] != REST]
    return [
        {"structure": name, "dice": dice[index - 1]}
        for index, name in zip(wanted["index"], wanted["name"], strict=True)
    ]


def within(pair, patients, transform, truth):
    """Target registration error of one patient's modality against its T1w.

    Parameters
    ----------
    pair : dict with fixed and modality
    patients : Preprocessed
    transform : Path of the transform file, or None: as the scanners' headers have it
    truth : array (4, 4), RAS mm: T1w to the modality

    Returns
    -------
    dict
        tre_median_mm and tre_max_mm over the voxels of the brain, tre_corners_mm: the mean over the 8 corners of the
        T1w volume.
    """
    image, modality = patients.structures(pair["fixed"]), pair["modality"]
    brain = _voxels(image)[:, np.asarray(image.dataobj).ravel() > 0]
    corners = np.array(list(itertools.product(*((0, size - 1) for size in image.shape))), dtype=np.float64).T
    points = apply(image.affine, np.hstack([brain, corners]))
    registered = points
    if transform is not None:
        to_t1w = patients.to_t1w(pair["fixed"])
        moved = Displacement(transform)(apply(np.linalg.inv(to_t1w), points))
        registered = apply(patients.rigid(pair["fixed"], modality) @ to_t1w, moved)
    inside, outside = np.split(np.linalg.norm(registered - apply(truth, points), axis=0), [brain.shape[1]])
    return {
        "tre_median_mm": float(np.median(inside)),
        "tre_max_mm": float(inside.max()),
        "tre_corners_mm": float(outside.mean()),
    }


def evaluate(folds, method, dataset, transforms, patients, structures, truth_of):
    """Measure one method's pairs of patients.

    Parameters
    ----------
    folds : list of dict, of `split.folds.patient_folds`
    method, dataset : str
    transforms : dict (fold, pair) -> Path
    patients : Preprocessed
    structures : pandas.DataFrame with index and name
    truth_of : function (patient, modality) -> array (4, 4), or None where there is no truth

    Returns
    -------
    dice : pandas.DataFrame, a line for each pair of patients and structure
    errors : pandas.DataFrame, a line for each modality of a patient with a truth; those of the method `initial` come
        twice, as `headers`, too
    """
    overlaps, errors = [], []
    progress = Progress(f"evaluate patients {method}", sum(len(fold["pairs"]) for fold in folds))
    for fold in folds:
        for pair in fold["pairs"]:
            keys = {"dataset": dataset, "fold": fold["fold"]}
            keys |= {name: pair[name] for name in ("pair", "fixed", "moving", "modality")}
            path = transforms[fold["fold"], pair["pair"]]
            if pair["task"] == "between":
                rows = between(pair, patients, path, structures)
                overlaps += [{**keys, "method": method, **row} for row in rows]
            elif (truth := truth_of(pair["fixed"], pair["modality"])) is not None:
                starts = [(HEADERS, None)] if method == "initial" else []
                for name, each in [*starts, (method, path)]:
                    errors.append({**keys, "method": name, **within(pair, patients, each, truth)})
            progress.step()
    progress.close()
    # with their columns where there is no line: real patients may be without a truth
    tables = (overlaps, ["structure", "dice"]), (errors, ERRORS)
    return tuple(pd.DataFrame(lines, columns=[*KEYS, *values]) for lines, values in tables)
