"""What the RDNN trains on: slices of preprocessed subjects, deformed, flipped and scaled on the fly."""

import numpy as np
import torch

from ganreg.preprocess.normalize import SHIFT
from ganreg.segment.prior import crop
from ganreg.spatial import warp
from ganreg.spatial.box import brain_box
from ganreg.spatial.deform import random_displacement

# voxels around the brain that the network sees; none along the slices, where each stands alone
MARGINS = (2, 2, 0)


def plain_zscore(images, mask):
    """Preprocessed grey values, z-score + `SHIFT` in the brain, as z-scores with background 0."""
    return torch.where(mask > 0, images - SHIFT, torch.zeros((), dtype=images.dtype))


def flip(images, labels, mirrors):
    """Flip images (B, M, X, Y, Z) and labels (B, 1, X, Y, Z) left to right, structures swapped.

    Parameters
    ----------
    mirrors : Tensor of ints: structure -> its mirror; place 0 is the background
    """
    return images.flip(2), mirrors[labels.flip(2).long()]


class Slices(torch.utils.data.Dataset):
    """Batches of one subject: all its slices around the brain, or a random run of neighbouring ones.

    Item k is a dict: `images` (1, M, X, Y, Z) z-scores with background 0, `labels` (1, 1, X, Y, Z) uint8, `name`,
    `opened`, and `prior` (1, K, X, Y, Z) where there is one. Each is a function of (seed, k), so that resumed training
    sees what uninterrupted training does.

    Parameters
    ----------
    subjects : preprocess.subjects.Subjects
    names : list of str, the subjects; item k is of the k-th of them, in an order drawn anew for each round
    spacing : float, mm
    options : dict, or None
        Of the block `rdnn`: `steps`, `slices`, `flip`, `deformation` (as `deform.random_displacement` wants it), `gain`
        and `seed`; None: subjects as they are, in order.
    mirrors : array of ints, or None
        As `labels.mirrors` gives it; None: no flips.
    priors : dict subject -> Tensor, or None
        As `prior.log_frequencies` gives them.
    """

    def __init__(self, subjects, names, spacing, options=None, mirrors=None, priors=None):
        self.subjects, self.spacing, self.options, self.priors = subjects, spacing, options, priors
        # the subject of each item
        self.order = list(names)
        if options:
            rng, rounds = np.random.default_rng(options["seed"]), -(-options["steps"] // len(names))
            drawn = [str(name) for _ in range(rounds) for name in rng.permutation(names)]
            self.order = drawn[: options["steps"]]
        self.mirrors = None if mirrors is None or not options["flip"] else torch.from_numpy(mirrors)

    def __len__(self):
        return len(self.order)

    def _augment(self, images, labels, rng):
        """A random run of slices of the deformed subject, and its box; what leaves that in the slice is cut off."""
        if self.mirrors is not None and rng.random() < 0.5:
            images, labels = flip(images, labels, self.mirrors)
        shape, deformation = tuple(images.shape[2:]), self.options["deformation"]
        displacement = random_displacement(rng, shape, [self.spacing] * 3, deformation)
        box = (*brain_box(labels, MARGINS)[:2], slice(0, shape[2]))
        origin = [side.start for side in box]
        displacement = displacement[(..., *box)]
        labels = warp.warp(labels.float(), displacement, mode="nearest", origin=origin).to(torch.uint8)
        levels = labels.amax(dim=(0, 1, 2, 3)).nonzero().flatten().tolist()
        spare = max(len(levels) - self.options["slices"], 0)
        first = levels[int(rng.integers(spare + 1))]
        last = min(first + self.options["slices"], levels[-1] + 1)
        run = slice(first, last)
        images = warp.warp(images, displacement[..., run], origin=[*origin[:2], first])
        gain = 1 + rng.uniform(-1, 1, images.shape[1]) * self.options["gain"]
        images = images * torch.from_numpy(gain).float().view(1, -1, 1, 1, 1)
        return images, labels[..., run], (*box[:2], run)

    def __getitem__(self, index):
        subject = self.order[index]
        volumes = self.subjects.read(subject)
        images = torch.cat([volumes[modality] for modality in self.subjects.modalities])[None]
        images, labels = plain_zscore(images, volumes["mask"][None]), volumes["dseg"][None]
        if self.options:
            rng = np.random.default_rng([self.options["seed"], index])
            images, labels, box = self._augment(images, labels, rng)
        else:
            box = brain_box(labels, MARGINS)
            images, labels = images[(..., *box)], labels[(..., *box)]
        opened = self.subjects.opened(subject)
        batch = {"images": images, "labels": labels, "name": f"sub-{subject}", "opened": opened}
        return batch if self.priors is None else batch | {"prior": crop(self.priors[subject], box, self.spacing)}
