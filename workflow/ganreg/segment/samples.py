"""What the RDNN trains on: slices of preprocessed subjects, deformed, flipped and scaled on the fly."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ganreg.learn.base import Batch, BatchDataset
from ganreg.preprocess.augment import flip
from ganreg.segment.prior import crop
from ganreg.segment.settings import RdnnTraining
from ganreg.spatial import warp
from ganreg.spatial.box import brain_box
from ganreg.spatial.deform import random_displacement
from ganreg.volumes import bids
from ganreg.volumes.normalize import SHIFT
from ganreg.volumes.subjects import Subjects

# voxels around the brain that the network sees; none along the slices, where each stands alone
MARGINS = (2, 2, 0)


def plain_zscore(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Preprocessed gray values, z-score + `SHIFT` in the brain, as z-scores with background 0."""
    return torch.where(mask > 0, images - SHIFT, torch.zeros((), dtype=images.dtype))


class Slices(BatchDataset):
    """Batches of one subject: all its slices around the brain, or a random run of neighboring ones.

    Item k is a dict: `images` (1, M, X, Y, Z) z-scores with background 0, `labels` (1, 1, X, Y, Z) uint8, `name`,
    `opened`, and `prior` (1, K, X, Y, Z) where there is one. Each is a function of (seed, k), so that resumed training
    sees what uninterrupted training does.

    Parameters
    ----------
    subjects : Subjects
    names : list of str, the subjects; item k is of the k-th of them, in an order drawn anew for each round
    spacing : float, mm
    settings : RdnnTraining, or None
        How many items there are, and how they are augmented; None: subjects as they are, in order.
    mirror_labels : uint8 array (K + 1,), or None
        As `labels.mirror_labels` gives it; None: no flips.
    priors : dict subject -> Tensor, or None
        As `prior.log_frequencies` gives them.
    """

    def __init__(
        self,
        subjects: Subjects,
        names: Sequence[str],
        spacing: float,
        settings: RdnnTraining | None = None,
        mirror_labels: np.ndarray | None = None,
        priors: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.subjects, self.spacing, self.settings, self.priors = subjects, spacing, settings, priors
        # the subject of each item
        self.order = list(names)
        self.mirror_labels = None
        if settings:
            rng, rounds = np.random.default_rng(settings.seed), -(-settings.steps // len(names))
            drawn = [str(name) for _ in range(rounds) for name in rng.permutation(names)]
            self.order = drawn[: settings.steps]
            if settings.flip and mirror_labels is not None:
                self.mirror_labels = torch.from_numpy(mirror_labels)

    def __len__(self) -> int:
        return len(self.order)

    def _augment(
        self, images: torch.Tensor, labels: torch.Tensor, rng: np.random.Generator, settings: RdnnTraining
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[slice, slice, slice]]:
        """A random run of slices of the deformed subject, and its box; what leaves that in the slice is cut off."""
        if self.mirror_labels is not None and rng.random() < 0.5:
            images, labels = flip(images, labels, self.mirror_labels)
        shape = tuple(images.shape[2:])
        displacement = random_displacement(rng, shape, [self.spacing] * 3, settings.deformation)
        box = (*brain_box(labels, MARGINS)[:2], slice(0, shape[2]))
        origin = [side.start for side in box]
        displacement = displacement[(..., *box)]
        labels = warp.warp(labels.float(), displacement, mode="nearest", origin=origin).to(torch.uint8)
        levels = labels.amax(dim=(0, 1, 2, 3)).nonzero().flatten().tolist()
        spare = max(len(levels) - settings.slices, 0)
        first = levels[int(rng.integers(spare + 1))]
        last = min(first + settings.slices, levels[-1] + 1)
        run = slice(first, last)
        images = warp.warp(images, displacement[..., run], origin=[*origin[:2], first])
        gain = 1 + rng.uniform(-1, 1, images.shape[1]) * settings.gain
        images = images * torch.from_numpy(gain).float().view(1, -1, 1, 1, 1)
        return images, labels[..., run], (*box[:2], run)

    def __getitem__(self, index: int) -> Batch:
        subject = self.order[index]
        volumes = self.subjects.read(subject)
        images = torch.cat([volumes[modality] for modality in self.subjects.modalities])[None]
        images, labels = plain_zscore(images, volumes["mask"][None]), volumes["dseg"][None]
        if self.settings:
            rng = np.random.default_rng([self.settings.seed, index])
            images, labels, box = self._augment(images, labels, rng, self.settings)
        else:
            box = brain_box(labels, MARGINS)
            images, labels = images[(..., *box)], labels[(..., *box)]
        opened = self.subjects.opened(subject)
        batch = {"images": images, "labels": labels, "name": bids.participant(subject), "opened": opened}
        return batch if self.priors is None else batch | {"prior": crop(self.priors[subject], box, self.spacing)}
