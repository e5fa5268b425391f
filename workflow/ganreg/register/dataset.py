"""Training and validation pairs for the registration networks, of preprocessed subjects."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganreg.errors import InputError
from ganreg.learn.base import Batch, BatchDataset
from ganreg.preprocess.augment import ClassicAugmentation
from ganreg.register.known import DrawVelocity, known_pair, random_box
from ganreg.split.settings import Task
from ganreg.volumes.subjects import Subjects

# the subjects of a pair, in the order in which random numbers are drawn for them
ROLES = ("fixed", "moving")


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
    box: Sequence[int] | None = None
    """Voxels that pairs of a known displacement are cut to."""


class Pairs(BatchDataset):
    """Training steps, or the pairs that it is validated on, as batches of one.

    A finished item is a dict: `fixed`, `moving` (1, 1, X, Y, Z), `mask` of the fixed brain; `fixed_labels`,
    `moving_labels` (1, 1, X, Y, Z) uint8, and `displacement` (1, 3, X, Y, Z) in voxels, as far as they are what is
    right; `name`, `opened`. Before, it is what was read of the two subjects, and what random draws follow from.

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

    def _reads(self, step: Step) -> list[tuple[str, dict[str, str]]]:
        """What a step needs of the fixed and of the moving subject: name of `Subjects.read` -> what it is here."""
        treatment, wanted = self.treatments[step.added], []
        for subject, modality, role in zip((step.fixed, step.moving), self.modalities, ROLES, strict=True):
            names = {modality: "image"}
            # augmented images are normalized over their labels, which are the mask then
            if not treatment.classic and (role == "fixed" or treatment.known):
                names["mask"] = "mask"
            if treatment.classic or treatment.labels:
                names["dseg"] = "labels"
            wanted.append((subject, names))
        return wanted

    def opened(self, steps: Sequence[Step]) -> dict[str, str]:
        """Path -> SHA-256 of the files that some steps read."""
        wanted = {(subject, name) for step in steps for subject, names in self._reads(step) for name in names}
        opened: dict[str, str] = {}
        for subject, name in sorted(wanted):
            opened |= self.subjects.opened(subject, names=[name])
        return opened

    def __getitem__(self, index: int) -> Batch:
        step = self.steps[index]
        item: Batch = {"number": step.number, "added": step.added}
        for role, (subject, names) in zip(ROLES, self._reads(step), strict=True):
            volumes = self.subjects.read(subject, names)
            item |= {f"{role} {name}": volumes[key][None] for key, name in names.items()}
        affine = self.subjects.affine
        assert affine is not None
        item["spacing"] = np.linalg.norm(affine[:3, :3], axis=0).tolist()
        return {**item, "name": f"{step.moving} onto {step.fixed}", "opened": self.opened([step])}

    def finish(self, batch: Batch) -> Batch:
        """The pair under augmentation, known deformations and flips, computed on its device."""
        number, added, spacing = batch["number"], batch["added"], batch["spacing"]
        treatment = self.treatments[added]
        # a function of seed, stream and number, so that resumed training meets what uninterrupted training does
        rng = np.random.default_rng([self.seed, int(added), number])
        flips = rng.random() < 0.5 and self.mirror_labels is not None
        batch = {key: value.contiguous() if torch.is_tensor(value) else value for key, value in batch.items()}
        volumes: list[list[Any]] = [
            [batch.get(f"{role} {name}") for name in ("image", "mask", "labels")] for role in ROLES
        ]
        if treatment.classic:
            subjects = [(image, labels) for image, _, labels in volumes]
            augmented = treatment.classic(subjects, spacing, (number, int(added)))
            volumes = [[image, labels > 0, labels] for image, labels in augmented]
        item: Batch = {}
        if treatment.known:
            if not treatment.labels:
                # warping label maps takes longer than all the rest
                volumes = [each[:2] for each in volumes]
            fixed, moving = ([image, mask.float(), *maps] for image, mask, *maps in volumes)
            image = fixed[0]
            velocities = [treatment.known(rng, image.shape[2:], spacing).to(image.device) for _ in ROLES]
            if treatment.box:
                place = random_box(rng, fixed[1], treatment.box)
                x, y, z = (slice(each.start // 2, each.stop // 2) for each in place)
                fixed, moving = ([volume[(..., *place)] for volume in each] for each in (fixed, moving))
                velocities = [velocity[..., x, y, z] for velocity in velocities]
            *volumes, item["displacement"] = known_pair(fixed, moving, velocities)
        (item["fixed"], mask, *fixed_labels), (item["moving"], _, *moving_labels) = volumes
        item["mask"] = mask.float()
        if treatment.labels:
            item |= {"fixed_labels": fixed_labels[0], "moving_labels": moving_labels[0]}
        if flips:
            item = self._flipped(item)
        return {**item, "name": batch["name"], "opened": batch["opened"]}

    def _flipped(self, item: Batch) -> Batch:
        """The mirror image of an item, left to right, structures swapped."""
        assert self.mirror_labels is not None
        device = item["fixed"].device
        item = {key: value.flip(2) for key, value in item.items()}
        for key in item.keys() & {"fixed_labels", "moving_labels"}:
            item[key] = self.mirror_labels.to(device)[item[key].int()]
        if "displacement" in item:
            item["displacement"] = item["displacement"] * torch.tensor([-1.0, 1, 1], device=device).view(1, 3, 1, 1, 1)
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
