"""Training and validation pairs for the registration networks, of preprocessed subjects."""

import numpy as np
import torch

from ganreg.errors import InputError


class Pairs(torch.utils.data.Dataset):
    """A list of pairs as batches of one.

    Item k is a dict: `fixed`, `moving` (1, 1, X, Y, Z), `mask` of the fixed brain, `fixed_labels`, `moving_labels`
    (1, 1, X, Y, Z) uint8, `name`, `opened`.

    Parameters
    ----------
    subjects : preprocess.subjects.Subjects
    pairs : list of (moving, fixed)
    fixed_modality, moving_modality : str
    mirrors : array of ints, or None
        As `labels.mirrors` gives it: half of the items are flipped left to right with structures swapped. None: no
        flips.
    seed : int, of the flips
    classic : augment.ClassicAugmentation, or None
        Augments both subjects of an item, each in its own way.
    """

    def __init__(self, subjects, pairs, fixed_modality, moving_modality, mirrors=None, seed=0, classic=None):
        self.subjects, self.pairs, self.seed, self.classic = subjects, pairs, seed, classic
        self.fixed_modality, self.moving_modality = fixed_modality, moving_modality
        self.mirrors = None if mirrors is None else torch.from_numpy(mirrors)

    def __len__(self):
        return len(self.pairs)

    def _read(self, subject, modality, number):
        """Image, mask and labels (1, 1, X, Y, Z) of one subject, augmented where wanted."""
        volumes = self.subjects.read(subject)
        if self.classic is None:
            return volumes[modality][None], volumes["mask"][None], volumes["dseg"][None]
        images, labels = {modality: volumes[modality][0].numpy()}, volumes["dseg"][0].numpy()
        images, labels = self.classic(images, labels, self.subjects.affine, number)
        labels = torch.from_numpy(labels)[None, None]
        return torch.from_numpy(images[modality])[None, None], (labels > 0).float(), labels

    def __getitem__(self, index):
        moving, fixed = self.pairs[index]
        fixed_image, mask, fixed_labels = self._read(fixed, self.fixed_modality, [index, 0])
        moving_image, _, moving_labels = self._read(moving, self.moving_modality, [index, 1])
        item = {"fixed": fixed_image, "moving": moving_image, "mask": mask}
        item |= {"fixed_labels": fixed_labels, "moving_labels": moving_labels}
        # a function of seed and index, so that resumed training sees what uninterrupted training does
        if self.mirrors is not None and np.random.default_rng([self.seed, index]).random() < 0.5:
            item = {key: value.flip(2) for key, value in item.items()}
            for key in ("fixed_labels", "moving_labels"):
                item[key] = self.mirrors[item[key].long()]
        return {**item, "name": f"sub-{moving} onto sub-{fixed}", "opened": self.subjects.opened(fixed, moving)}


def training_pairs(task, subjects, atlas, count, seed, synthetic=(), share=0.0):
    """Draw the pair of each training step, from the real subjects or from the synthetic ones.

    Parameters
    ----------
    task : inter_subject, atlas_to_subject or within_subject
    subjects : list of str, the fold's training subjects
    atlas : str
    count : int, steps
    seed : int
    synthetic : list of str, synthetic subjects
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
        if task == "inter_subject" and len(pool) < 2 and (share or pool is subjects):
            raise InputError(f"training: expected at least 2 {kind}subjects for inter_subject, found {len(pool)}")
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        pool = synthetic if share and rng.random() < share else subjects
        if task == "inter_subject":
            moving, fixed = rng.choice(pool, 2, replace=False)
        else:
            fixed = rng.choice(pool)
            moving = atlas if task == "atlas_to_subject" else fixed
        pairs.append((str(moving), str(fixed)))
    return pairs
