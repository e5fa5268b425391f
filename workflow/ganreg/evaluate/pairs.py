"""Evaluation of one method's transform files, whatever set of subjects they register: the long tables."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.evaluate import metrics, truth
from ganreg.evaluate.external_table import ERRORS
from ganreg.progress import Progress
from ganreg.register.methods import INITIAL
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on
from ganreg.split.folds import Fold, Pair
from ganreg.volumes import bids, labels

# in the tables, images of one subject before they were aligned at all: as the scanners' headers have them
HEADERS = "headers"
# the task of a pair of one subject's own images
WITHIN = "within"
# of the pairs of a second data set alone
OF_TASK = ["modality", "task"]

# (fold, training seed, pair) -> file
Transforms = Mapping[tuple[int, int, str], Path]


def transforms_in(folders: Iterable[Path]) -> dict[tuple[int, int, str], Path]:
    """Transform files by fold, training seed (1 unless there are more), and pair.

    Parameters
    ----------
    folders : list of Path
        Each below a folder that is named for its fold, as fold1, fold1n3 for a smaller training set, fold1s2 for the
        second training seed, or fold1n3s2.

    Raises
    ------
    InputError
        If a folder's path does not name a fold.
    """
    found: dict[tuple[int, int, str], Path] = {}
    for folder in folders:
        matches = [match for part in folder.parts if (match := re.fullmatch(r"fold(\d+)(?:n\d+)?(?:s(\d+))?", part))]
        if not matches:
            raise InputError(f"{folder}: expected a folder below one such as fold1, found none")
        fold, seed = int(matches[-1][1]), int(matches[-1][2] or 1)
        found |= {(fold, seed, path.name.removesuffix(".nii.gz")): path for path in folder.glob("*.nii.gz")}
    return found


@dataclass(frozen=True, eq=False)
class Measured:
    """A set of subjects to measure on: the main one, degraded copies of it, or a second data set."""

    dataset: str
    """Its name in the tables."""
    subjects: Path
    """The preprocessed subjects, their labels on the evaluation grid."""
    structures: pd.DataFrame
    """Index and name, as `labels.structures` gives it."""
    reference: str
    """The modality whose space is aligned with the template's."""
    truth: Path | None = None
    """Folder of true fields between simulated subjects, or of true matrices between one's modalities."""


@dataclass(frozen=True, eq=False)
class Registered:
    """A registered pair on the evaluation grid; labels are 0 where they do not count."""

    fixed: np.ndarray
    warped: np.ndarray
    displacement: torch.Tensor
    affine: np.ndarray

    @property
    def brain(self) -> np.ndarray:
        """Mask of the fixed brain, as far as it counts."""
        return self.fixed > 0

    @property
    def spacing(self) -> list[float]:
        """Of the evaluation grid, mm."""
        return [float(size) for size in np.linalg.norm(self.affine[:3, :3], axis=0)]


def registered(pair: Pair, transform: Path, subjects: Path) -> Registered:
    """Apply a transform file to the labels of the moving subject.

    Where the moving subject's scan shows a part of the head alone, voxels beyond count for no method.

    Parameters
    ----------
    pair : dict with fixed and moving
    transform : Path of the transform file
    subjects : Path of the preprocessed subjects, their labels on the evaluation grid

    Raises
    ------
    InputError
        If grids differ, or the moving subject's scan does not reach the fixed brain.
    """
    paths = [bids.path(subjects, pair[role], bids.EVALUATION_DSEG) for role in ("fixed", "moving")]
    fixed, moving = (io.load_labels(path) for path in paths)
    io.require_same_grid(fixed, paths[0], moving, paths[1])
    displacement = displacement_on(transform, fixed.shape, fixed.affine)
    maps = [
        np.asarray(fixed.dataobj),
        warp.warp_labels(torch.from_numpy(np.array(moving.dataobj)), displacement).numpy(),
    ]
    fov_path = bids.path(subjects, pair["moving"], bids.EVALUATION_FOV)
    if fov_path.is_file():
        fov = io.load_labels(fov_path)
        io.require_same_grid(fixed, paths[0], fov, fov_path)
        maps = [each * np.asarray(fov.dataobj) for each in maps]
        if not maps[0].any():
            raise InputError(f"{fov_path}: expected a scan that reaches into the brain of {paths[0]}, found none")
    return Registered(maps[0], maps[1], displacement, fixed.affine)


def _of_structures(found: Registered, structures: pd.DataFrame) -> list[dict[str, Any]]:
    """A line for each structure of a registered pair."""
    wanted = dict(labels.measured(structures))
    values = metrics.of_structures(found.fixed, found.warped, list(wanted), found.spacing)
    return [{"structure": name, **each} for name, each in zip(wanted.values(), values, strict=True)]


def _of_pair(found: Registered, pair: Pair, field: truth.TrueField | None) -> dict[str, float]:
    """Regularity and mean true error of a registered pair."""
    values = metrics.of_pair(found.displacement, torch.from_numpy(found.brain))
    if field is not None:
        errors = truth.true_errors(found.displacement, found.brain, found.affine, field, pair)
        values["tre_mm"] = float(errors.mean())
    return values


def _of_rigid(pair: Pair, transform: Path, method: str, data: Measured) -> dict[str, dict[str, float]]:
    """Method -> errors of a pair within a subject; beside the start those of the headers; empty without a truth."""
    if data.truth is None or pair.get("task") != WITHIN:
        return {}
    subject, modality = pair["fixed"], pair["modality"]
    true = truth.true_rigid(data.truth, subject, data.reference, modality)
    if true is None:
        return {}
    transforms = {HEADERS: None, method: transform} if method == INITIAL.id else {method: transform}
    return {
        name: truth.rigid_errors(data.subjects, subject, data.reference, modality, path, true)
        for name, path in transforms.items()
    }


def evaluate_pairs(
    folds: Sequence[Fold], method: str, transforms: Transforms, data: Measured
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every test pair of one method.

    Parameters
    ----------
    folds : list of dict, of `make_folds` or `external_folds`; the latter's pairs have a modality and a task
    method : str
    transforms : dict (fold, training seed, pair) -> Path of the transform file
    data : Measured

    Returns
    -------
    structures : pandas.DataFrame
        A line for each pair and structure: `metrics.OF_STRUCTURES`. None of pairs within a subject: it has one label
        map. Where there are several training seeds, both tables have a column `seed`, and lines for each.
    pairs : pandas.DataFrame
        A line for each pair: `metrics.OF_PAIRS`, and tre_mm, the mean true error in the brain. Pairs with a task have
        `external_table.ERRORS`, too; within a subject, a line of the method `headers` comes before that of `initial`.
        NaN where there is no truth.

    Raises
    ------
    InputError
        If a transform is missing, or as `registered`.
    """
    of_task = [name for name in OF_TASK if any(name in pair for fold in folds for pair in fold["pairs"])]
    # a second data set's subjects have no true field between them
    field = truth.TrueField(data.subjects, data.truth) if data.truth and not of_task else None
    structures: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    seeds = sorted({seed for _, seed, _ in transforms}) or [1]
    jobs = [(fold["fold"], seed, pair) for fold in folds for seed in seeds for pair in fold["pairs"]]
    progress = Progress(f"evaluate {method}", len(jobs))
    for fold, seed, pair in jobs:
        path = transforms.get((fold, seed, pair["pair"]))
        if path is None:
            where = f"fold {fold}, seed {seed}" if len(seeds) > 1 else f"fold {fold}"
            raise InputError(f"{method}: expected a transform of {pair['pair']} in {where}, found none")
        line = {**pair, "dataset": data.dataset, "fold": fold, "method": method, "seed": seed}
        found = registered(pair, path, data.subjects)
        if pair.get("task") != WITHIN:
            structures += [{**line, **each} for each in _of_structures(found, data.structures)]
        errors = _of_rigid(pair, path, method, data)
        pairs += [{**line, "method": name, **errors[name]} for name in errors if name != method]
        pairs.append({**line, **_of_pair(found, pair, field), **errors.get(method, {})})
        progress.step()
    progress.close()
    keys = ["dataset", "fold", "pair", "fixed", "moving", *of_task, "method", *(["seed"] if len(seeds) > 1 else [])]
    measures = [*metrics.OF_PAIRS, "tre_mm", *(ERRORS if of_task else [])]
    return (
        pd.DataFrame(structures, columns=[*keys, "structure", *metrics.OF_STRUCTURES]),
        pd.DataFrame(pairs, columns=[*keys, *measures]),
    )
