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
        Augments both subjects of an item, alike in space.
    """

    def __init__(self, subjects, pairs, fixed_modality, moving_modality, mirrors=None, seed=0, classic=None):
        self.subjects, self.pairs, self.seed, self.classic = subjects, pairs, seed, classic
        self.fixed_modality, self.moving_modality = fixed_modality, moving_modality
        self.mirrors = None if mirrors is None else torch.from_numpy(mirrors)

    def __len__(self):
        return len(self.pairs)

    def _read(self, index, subjects):
        """Image, mask and labels (1, 1, X, Y, Z) of the fixed and the moving subject, augmented where wanted."""
        volumes = [self.subjects.read(subject) for subject in subjects]
        modalities = self.fixed_modality, self.moving_modality
        if self.classic is None:
            read = [(each[name], each["mask"], each["dseg"]) for each, name in zip(volumes, modalities, strict=True)]
            return [[volume[None] for volume in each] for each in read]
        plain = [
            ({name: each[name][0].numpy()}, each["dseg"][0].numpy())
            for each, name in zip(volumes, modalities, strict=True)
        ]
        augmented = []
        for name, (images, labels) in zip(modalities, self.classic(plain, self.subjects.affine, index), strict=True):
            labels = torch.from_numpy(labels)[None, None]
            augmented.append((torch.from_numpy(images[name])[None, None], (labels > 0).float(), labels))
        return augmented

    def __getitem__(self, index):
        moving, fixed = self.pairs[index]
        (fixed_image, mask, fixed_labels), (moving_image, _, moving_labels) = self._read(index, (fixed, moving))
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
