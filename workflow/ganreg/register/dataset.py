"""Training and validation pairs for the registration networks, of preprocessed subjects."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from ganreg.errors import InputError
from ganreg.learn.base import Batch, BatchDataset
from ganreg.register.known import DrawVelocity, known_pair
from ganreg.split.settings import Task
from ganreg.volumes.subjects import Subjects

if TYPE_CHECKING:
    # TorchIO takes half a second to import, which every other job would pay
    from ganreg.preprocess.augment import ClassicAugmentation

# image, mask and labels (1, 1, X, Y, Z) of a subject
Volumes = list[torch.Tensor]


@dataclass(frozen=True)
class Step:
    """The pair of a training step."""

    moving: str
    fixed: str
    number: int
    """Among the steps of its stream, which random draws follow from: a real step is the same in all arms."""
    added: bool = False
    """Of the second stream: synthetic subjects, or real ones under known deformations."""


@dataclass(frozen=True)
class Treatment:
    """What is done to the pairs of a stream."""

    classic: ClassicAugmentation | None = None
    """Augments both subjects of a pair, alike in space."""
    known: DrawVelocity | None = None
    """Both subjects, which are one, are moved by known random deformations, as this draws them."""
    labels: bool = True
    """false: the known displacement alone is what is right."""


class Pairs(BatchDataset):
    """Training steps, or the pairs that it is validated on, as batches of one.

    Item k is a dict: `fixed`, `moving` (1, 1, X, Y, Z), `mask` of the fixed brain; `fixed_labels`, `moving_labels` (1,
    1, X, Y, Z) uint8, and `displacement` (1, 3, X, Y, Z) in voxels, as far as they are what is right; `name`, `opened`.

    Parameters
    ----------
    subjects : Subjects
    steps : list of Step
    task : Task
        Its modalities count.
    mirror_labels : array of ints, or None
        As `labels.mirror_labels` gives it: half of the items are flipped left to right with structures swapped. None:
        no flips.
    seed : int, of the flips and the known deformations
    real, added : Treatment of the two streams
    """

    def __init__(
        self,
        subjects: Subjects,
        steps: Sequence[Step],
        task: Task,
        mirror_labels: npt.NDArray[np.uint8] | None = None,
        seed: int = 0,
        real: Treatment = Treatment(),
        added: Treatment = Treatment(),
    ) -> None:
        self.subjects, self.steps, self.seed, self.treatments = subjects, steps, seed, (real, added)
        self.modalities = task.fixed, task.moving
        self.mirror_labels = None if mirror_labels is None else torch.from_numpy(mirror_labels)

    def __len__(self) -> int:
        return len(self.steps)

    def _augmented(self, step: Step, volumes: list[Volumes], classic: ClassicAugmentation) -> list[Volumes]:
        plain = [
            ({modality: image[0, 0].numpy()}, labels[0, 0].numpy())
            for (image, _, labels), modality in zip(volumes, self.modalities, strict=True)
        ]
        affine = self.subjects.affine
        assert affine is not None
        augmented = []
        numbers = (step.number, int(step.added))
        for modality, (images, dseg) in zip(self.modalities, classic(plain, affine, numbers), strict=True):
            labels = torch.from_numpy(dseg)[None, None]
            augmented.append([torch.from_numpy(images[modality])[None, None], (labels > 0).float(), labels])
        return augmented

    def __getitem__(self, index: int) -> Batch:
        step = self.steps[index]
        treatment = self.treatments[step.added]
        # a function of seed, stream and number, so that resumed training meets what uninterrupted training does
        rng = np.random.default_rng([self.seed, int(step.added), step.number])
        named = zip((step.fixed, step.moving), self.modalities, strict=True)
        volumes = [
            [each[key][None] for key in (modality, "mask", "dseg")]
            for each, modality in ((self.subjects.read(subject), modality) for subject, modality in named)
        ]
        flips = rng.random() < 0.5 and self.mirror_labels is not None
        item: Batch = {}
        if treatment.classic:
            volumes = self._augmented(step, volumes, treatment.classic)
        if treatment.known:
            affine = self.subjects.affine
            assert affine is not None
            spacing = np.linalg.norm(affine[:3, :3], axis=0)
            shape = volumes[0][0].shape[2:]
            velocities = [treatment.known(rng, shape, spacing.tolist()) for _ in range(2)]
            if not treatment.labels:
                # warping label maps takes longer than all the rest
                volumes = [[image, mask] for image, mask, _ in volumes]
            first, second, item["displacement"] = known_pair(volumes[0], volumes[1], velocities)
            volumes = [first, second]
        (item["fixed"], item["mask"], *fixed_labels), (item["moving"], _, *moving_labels) = volumes
        if treatment.labels:
            item |= {"fixed_labels": fixed_labels[0], "moving_labels": moving_labels[0]}
        if flips:
            item = self._flipped(item)
        return {
            **item,
            "name": f"{step.moving} onto {step.fixed}",
            "opened": self.subjects.opened(step.fixed, step.moving),
        }

    def _flipped(self, item: Batch) -> Batch:
        """The mirror image of an item, left to right, structures swapped."""
        assert self.mirror_labels is not None
        item = {key: value.flip(2) for key, value in item.items()}
        for key in item.keys() & {"fixed_labels", "moving_labels"}:
            item[key] = self.mirror_labels[item[key].long()]
        if "displacement" in item:
            item["displacement"] = item["displacement"] * torch.tensor([-1.0, 1, 1]).view(1, 3, 1, 1, 1)
        return item


def drawn_pairs(task: Task, subjects: Sequence[str], seed: int | Sequence[int]) -> Iterator[tuple[str, str]]:
    """Draw pairs of subjects for ever, as the task pairs them.

    Parameters
    ----------
    task : Task
    subjects : those that are drawn from
    seed : int or ints

    Yields
    ------
    moving, fixed

    Raises
    ------
    InputError
        If inter_subject has fewer than two subjects to draw from.
    """
    if task.pairs == "inter_subject" and len(subjects) < 2:
        raise InputError(f"training: expected at least 2 subjects for inter_subject, found {len(subjects)}")
    rng = np.random.default_rng(seed)
    while True:
        if task.pairs == "inter_subject":
            moving, fixed = rng.choice(subjects, 2, replace=False)
        else:
            fixed = rng.choice(subjects)
            moving = task.atlas if task.pairs == "atlas_to_subject" else fixed
        yield str(moving), str(fixed)


def drawn_subjects(subjects: Sequence[str], seed: int | Sequence[int]) -> Iterator[tuple[str, str]]:
    """Draw a subject, as moving and as fixed, for ever."""
    rng = np.random.default_rng(seed)
    while True:
        subject = str(rng.choice(subjects))
        yield subject, subject


def interleaved(real: Iterator[tuple[str, str]], count: int, added: Iterator[tuple[str, str]], more: int) -> list[Step]:
    """`count` steps of the real stream, in their order, and spread evenly among them `more` of another.

    Parameters
    ----------
    real, added : pairs (moving, fixed) without end
    count, more : ints
    """
    steps, total = list[Step](), count + more
    numbers = itertools.count(), itertools.count()
    for place in range(total):
        second = (place + 1) * more // total > place * more // total
        moving, fixed = next(added if second else real)
        steps.append(Step(moving, fixed, next(numbers[second]), second))
    return steps
