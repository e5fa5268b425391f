"""What DAGAN is trained on and applied to: z-scored subjects, and slices of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ganreg.learn.base import Batch, BatchDataset
from ganreg.synthesize.dagan_augmentation import SubjectAugmentation
from ganreg.volumes import bids
from ganreg.volumes.normalize import SHIFT
from ganreg.volumes.subjects import Subjects


def images_of(subjects: Subjects, subject: str) -> dict[str, np.ndarray]:
    """Images by modality of a subject, as arrays (X, Y, Z)."""
    return {name: each[0].numpy() for name, each in subjects.read(subject, subjects.modalities).items()}


def volumes(subjects: Subjects, subject: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Images by modality and labels of a subject, as arrays (X, Y, Z)."""
    return images_of(subjects, subject), subjects.read(subject, ["dseg"])["dseg"][0].numpy()


def opened(subjects: Subjects, *names: str) -> dict[str, str]:
    """Path -> SHA-256 of the files that `volumes` opens of some subjects."""
    return subjects.opened(*names, names=[*subjects.modalities, "dseg"])


def zscores(images: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Z-scores of a subject's modalities as a float32 array (M, X, Y, Z), 0 outside the brain."""
    return np.stack([np.where(labels > 0, data - SHIFT, 0) for data in images.values()]).astype(np.float32)


def middle_slices(subjects: Subjects, names: Sequence[str]) -> torch.Tensor:
    """Middle slices (N, 1, X, Y) of some subjects as they are, in all modalities."""
    scores = [zscores(*volumes(subjects, name)) for name in names]
    return torch.from_numpy(np.concatenate([each[..., each.shape[3] // 2] for each in scores]))[:, None]


class Slices(BatchDataset):
    """Item k: the slices of step k, a dict of `slices` (B, 1, X, Y), `name` and `opened`.

    They are drawn from one augmented subject, from all its modalities, among the slices with brain.

    Parameters
    ----------
    subjects : Subjects
    names : list of str, the subjects that are drawn from
    augmentation : SubjectAugmentation
    steps : int, number of items
    batch : int, slices of an item
    seed : int
    """

    def __init__(
        self,
        subjects: Subjects,
        names: Sequence[str],
        augmentation: SubjectAugmentation,
        steps: int,
        batch: int,
        seed: int,
    ) -> None:
        self.subjects, self.names, self.augmentation = subjects, names, augmentation
        self.steps, self.batch, self.seed = steps, batch, seed

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng([self.seed, index])
        subject = str(rng.choice(self.names))
        images, labels = volumes(self.subjects, subject)
        # the outline is all that a slice needs, and quicker to move than structures
        outline = (labels > 0).astype(np.uint8)
        affine = self.subjects.affine
        assert affine is not None
        images, brain = self.augmentation(images, outline, affine, index)
        levels = np.flatnonzero(brain.any(axis=(0, 1)))
        scores = zscores(images, brain)
        drawn = scores[rng.integers(len(scores), size=self.batch), :, :, rng.choice(levels, self.batch)]
        return {
            "slices": torch.from_numpy(drawn)[:, None],
            "name": bids.participant(subject),
            "opened": opened(self.subjects, subject),
        }
