"""The first test pair of the first fold, and what a method makes of it, for figures."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ganreg import io
from ganreg.report import slices
from ganreg.spatial import warp
from ganreg.spatial.points import displacement_on
from ganreg.volumes import bids


class Labeled(NamedTuple):
    """An image and its label map, (X, Y, Z)."""

    image: np.ndarray
    labels: np.ndarray


class Pair(NamedTuple):
    """A pair of preprocessed subjects."""

    name: str
    moving_subject: str
    fixed_subject: str
    moving: Labeled
    fixed: Labeled
    affine: np.ndarray


def read_pair(folds: Path, subjects: Path, moving: str, fixed: str) -> Pair:
    """Read the first test pair of the first fold.

    Parameters
    ----------
    folds : Path of the split
    subjects : Path of the folder of preprocessed subjects
    moving, fixed : str, modalities
    """
    pair = io.read_json(folds)["folds"][0]["pairs"][0]
    volumes = {}
    for role, modality in (("moving", moving), ("fixed", fixed)):
        image = slices.volume(subjects, pair[role], bids.preprocessed(modality)).astype(np.float32)
        volumes[role] = Labeled(image, slices.volume(subjects, pair[role], bids.DSEG))
    affine = io.load(bids.path(subjects, pair["fixed"], bids.preprocessed(fixed))).affine
    return Pair(pair["pair"], pair["moving"], pair["fixed"], volumes["moving"], volumes["fixed"], affine)


def warped(pair: Pair, transforms: Iterable[Path], method: str) -> Labeled:
    """The moving image and labels under a method's transform.

    Parameters
    ----------
    pair : Pair
    transforms : folders of transform files, those of other methods among them
    method : str, its id
    """
    folders = [each for each in transforms if method in each.parts]
    path = next(path for folder in folders for path in folder.glob(f"{pair.name}.nii.gz"))
    displacement = displacement_on(path, pair.fixed.image.shape, pair.affine)
    image = warp.warp(torch.from_numpy(pair.moving.image)[None, None], displacement)[0, 0].numpy()
    return Labeled(image, warp.warp_labels(torch.from_numpy(np.array(pair.moving.labels)), displacement).numpy())
