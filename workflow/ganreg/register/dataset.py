"""Training and validation pairs for the registration networks, of preprocessed subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from ganreg.errors import InputError
from ganreg.learn.base import Batch, BatchDataset
from ganreg.split.settings import Task
from ganreg.volumes.subjects import Subjects

if TYPE_CHECKING:
    # TorchIO takes half a second to import, which every other job would pay
    from ganreg.preprocess.augment import ClassicAugmentation


class Pairs(BatchDataset):
    """A list of pairs as batches of one.

    Item k is a dict: `fixed`, `moving` (1, 1, X, Y, Z), `mask` of the fixed brain, `fixed_labels`, `moving_labels`
    (1, 1, X, Y, Z) uint8, `name`, `opened`.

    Parameters
    ----------
    subjects : Subjects
    pairs : list of (moving, fixed)
    task : Task
        Its modalities count.
    mirror_labels : array of ints, or None
        As `labels.mirror_labels` gives it: half of the items are flipped left to right with structures swapped. None:
        no flips.
    seed : int, of the flips
    classic : ClassicAugmentation, or None
        Augments both subjects of an item, alike in space.
    """

    def __init__(
        self,
        subjects: Subjects,
        pairs: Sequence[tuple[str, str]],
        task: Task,
        mirror_labels: npt.NDArray[np.uint8] | None = None,
        seed: int = 0,
        classic: ClassicAugmentation | None = None,
    ) -> None:
        self.subjects, self.pairs, self.seed, self.classic = subjects, pairs, seed, classic
        self.modalities = task.fixed, task.moving
        self.mirror_labels = None if mirror_labels is None else torch.from_numpy(mirror_labels)

    def __len__(self) -> int:
        return len(self.pairs)

    def _read(self, index: int, subjects: tuple[str, str]) -> list[list[torch.Tensor]]:
        """Image, mask and labels (1, 1, X, Y, Z) of the fixed and the moving subject, augmented where wanted."""
        volumes = [self.subjects.read(subject) for subject in subjects]
        named = list(zip(volumes, self.modalities, strict=True))
        if self.classic is None:
            return [[each[key][None] for key in (modality, "mask", "dseg")] for each, modality in named]
        plain = [({modality: each[modality][0].numpy()}, each["dseg"][0].numpy()) for each, modality in named]
        affine = self.subjects.affine
        assert affine is not None
        augmented = []
        for modality, (images, dseg) in zip(self.modalities, self.classic(plain, affine, index), strict=True):
            labels = torch.from_numpy(dseg)[None, None]
            augmented.append([torch.from_numpy(images[modality])[None, None], (labels > 0).float(), labels])
        return augmented

    def __getitem__(self, index: int) -> Batch:
        moving, fixed = self.pairs[index]
        (fixed_image, mask, fixed_labels), (moving_image, _, moving_labels) = self._read(index, (fixed, moving))
        item = {"fixed": fixed_image, "moving": moving_image, "mask": mask}
        item |= {"fixed_labels": fixed_labels, "moving_labels": moving_labels}
        # a function of seed and index, so that resumed training meets what uninterrupted training does
        if self.mirror_labels is not None and np.random.default_rng([self.seed, index]).random() < 0.5:
            item = {key: value.flip(2) for key, value in item.items()}
            for key in ("fixed_labels", "moving_labels"):
                item[key] = self.mirror_labels[item[key].long()]
        return {**item, "name": f"{moving} onto {fixed}", "opened": self.subjects.opened(fixed, moving)}


def training_pairs(
    task: Task,
    subjects: Sequence[str],
    count: int,
    seed: int,
    synthetic: Sequence[str] = (),
    share: float = 0.0,
) -> list[tuple[str, str]]:
    """Draw the pair of each training step, from the real subjects or from the synthetic ones.

    Parameters
    ----------
    task : Task
    subjects : the fold's training subjects
    count : int, steps
    seed : int
    synthetic : synthetic subjects
    share : float, of the steps that take them

    Returns
    -------
    list of (moving, fixed)

    Raises
    ------
    InputError
        If inter_subject has fewer than two subjects to draw from.
    """
    for kind, pool in (("", subjects), ("synthetic ", synthetic)):
        if task.pairs == "inter_subject" and len(pool) < 2 and (share or pool is subjects):
            raise InputError(f"training: expected at least 2 {kind}subjects for inter_subject, found {len(pool)}")
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        pool = synthetic if share and rng.random() < share else subjects
        if task.pairs == "inter_subject":
            moving, fixed = rng.choice(pool, 2, replace=False)
        else:
            fixed = rng.choice(pool)
            moving = task.atlas if task.pairs == "atlas_to_subject" else fixed
        pairs.append((str(moving), str(fixed)))
    return pairs
