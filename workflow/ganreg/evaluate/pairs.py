"""Evaluation of one method's transform files: the long tables, from nothing but the files."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import metrics, overlap
from ganreg.preprocess.labels import REST
from ganreg.progress import Progress
from ganreg.spatial import warp
from ganreg.spatial.points import Displacement, apply, displacement_on


def refuse_leakage(manifests, folds, files_of):
    """Refuse a model that was trained on a file of one of its fold's test subjects, under whatever name.

    Parameters
    ----------
    manifests : list of Path
        What the models' data loaders opened: `fold`, and `opened`, path -> SHA-256.
    folds : list of dict, of `split.folds`
    files_of : function (subject) -> paths of the subject's images and labels, as they could be trained on

    Raises
    ------
    InputError
        Naming model, file and subject.
    """
    by_number = {fold["fold"]: fold for fold in folds}
    for path in manifests:
        manifest = io.read_json(path)
        for subject in by_number[manifest["fold"]]["test"]:
            digests = {io.sha256(file) for file in files_of(subject)}
            for opened, digest in manifest["opened"].items():
                if f"sub-{subject}" in Path(opened).parts or digest in digests:
                    raise InputError(
                        f"{path}: expected no test subject among the training files, found sub-{subject}: {opened}"
                    )


def files_of(subjects, subject):
    """A preprocessed subject's images and labels, as they could be trained on; `subjects` is the folder of all."""
    folder = subjects / f"sub-{subject}" / "anat"
    return [*folder.glob("*_desc-preproc_*.nii.gz"), folder / f"sub-{subject}_dseg.nii.gz"]


class TrueField:
    """The simulated cohort's truth: where a point of one subject lies in another.

    Parameters
    ----------
    folder : function (subject, name) -> Path
        `name` is to_template, from_template (transform files) or affine (text, 4 x 4 RAS, template to subject).
    """

    def __init__(self, folder):
        self.folder, self.cache = folder, {}

    def _displaced(self, subject, name, points):
        """World points (3, N) moved by a field."""
        if (subject, name) not in self.cache:
            self.cache[subject, name] = Displacement(self.folder(subject, name))
        return self.cache[subject, name](points)

    def __call__(self, fixed, moving, points):
        """Points (3, N) in mm of the preprocessed fixed image -> their true places in the preprocessed moving image."""
        to_fixed, to_moving = (np.loadtxt(self.folder(subject, "affine")) for subject in (fixed, moving))
        template = self._displaced(fixed, "to_template", apply(to_fixed, points))
        return apply(np.linalg.inv(to_moving), self._displaced(moving, "from_template", template))


def true_field(subjects, truth):
    """The truth of preprocessed subjects; None where there is none.

    Parameters
    ----------
    subjects : Path of the preprocessed subjects
    truth : str, folder of the cohort's true fields; empty where there is no truth
    """

    def file_of(subject, name):
        if name == "affine":
            return subjects / f"sub-{subject}" / "anat" / f"sub-{subject}_from-template_to-T1w_xfm.txt"
        ends = {"to_template": "from-T1w_to-template", "from_template": "from-template_to-T1w"}[name]
        return Path(truth) / f"sub-{subject}" / "anat" / f"sub-{subject}_{ends}_desc-true_xfm.nii.gz"

    return TrueField(file_of) if truth else None


def evaluate_pairs(folds, method, dataset, transforms, labels_of, structures, truth=None):
    """Measure every test pair of one method.

    Parameters
    ----------
    folds : list of dict, of `split.folds`
    method, dataset : str
    transforms : dict (fold, pair) -> Path of the transform file
    labels_of : function (subject) -> Path of the labels on the evaluation grid; 0 is outside the brain mask
    structures : pandas.DataFrame with index and name, as `labels.structures` gives it
    truth : TrueField, or None

    Returns
    -------
    long : pandas.DataFrame, a line for each pair and structure: dice, hd95_mm
    pairs : pandas.DataFrame, a line for each pair: regularity and tre_mm

    Raises
    ------
    InputError
        If a transform is missing, or the grids of fixed and moving labels differ.
    """
    long, per_pair = [], []
    wanted = structures[structures["name"] != REST]
    count = int(structures["index"].max())
    total = sum(len(fold["pairs"]) for fold in folds)
    progress = Progress(f"evaluate {method}", total)
    for fold in folds:
        for pair in fold["pairs"]:
            path = transforms.get((fold["fold"], pair["pair"]))
            if path is None:
                raise InputError(f"{method}: expected a transform of {pair['pair']} in fold {fold['fold']}, found none")
            keys = {"dataset": dataset, "fold": fold["fold"]}
            keys |= {name: pair[name] for name in ("pair", "fixed", "moving")} | {"method": method}
            fixed_path, moving_path = labels_of(pair["fixed"]), labels_of(pair["moving"])
            fixed, moving = io.load_labels(fixed_path), io.load_labels(moving_path)
            io.require_same_grid(fixed, fixed_path, moving, moving_path)
            displacement = displacement_on(path, fixed.shape, fixed.affine)

            fixed_labels = np.asarray(fixed.dataobj)
            warped = warp.warp_labels(torch.from_numpy(np.array(moving.dataobj)), displacement).numpy()
            spacing = np.linalg.norm(fixed.affine[:3, :3], axis=0)
            dice = overlap.dice(fixed_labels, warped, count)
            distance = metrics.hd95(fixed_labels, warped, wanted["index"], spacing)
            for index, name, hd95_mm in zip(wanted["index"], wanted["name"], distance, strict=True):
                long.append({**keys, "structure": name, "dice": dice[index - 1], "hd95_mm": hd95_mm})

            mask = fixed_labels > 0
            values = metrics.regularity(displacement, torch.from_numpy(mask))
            error = true_errors(displacement, mask, fixed.affine, truth, pair).mean() if truth else float("nan")
            per_pair.append({**keys, **values, "tre_mm": float(error)})
            progress.step()
    progress.close()
    return pd.DataFrame(long), pd.DataFrame(per_pair)


def true_errors(displacement, mask, affine, truth, pair):
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
    return np.linalg.norm(apply(affine, voxels + moved) - truth(pair["fixed"], pair["moving"], points), axis=0)
