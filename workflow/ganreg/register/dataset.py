"""Training and validation pairs for the registration networks, read from preprocessed subjects."""

from pathlib import Path

import numpy as np
import torch

from ganreg import io
from ganreg.errors import InputError

CACHE_BYTES = 4 << 30


class Subjects:
    """Preprocessed subjects, read when asked for and kept in memory while there is room.

    Parameters
    ----------
    folder : Path of the preprocessed subjects, `sub-{subject}/anat/...`
    modalities : list of str
    samples : Path of synthetic subjects in the same layout, or None

    Attributes
    ----------
    synthetic : list of str, the synthetic subjects
    """

    def __init__(self, folder, modalities, samples=None):
        self.folder, self.modalities, self.samples = Path(folder), modalities, samples
        self.synthetic = sorted(path.name.removeprefix("sub-") for path in samples.glob("sub-*")) if samples else []
        self.cache, self.cached_bytes, self.hashes, self.affine = {}, 0, {}, None

    def paths(self, subject):
        """Paths by name: each modality, `mask`, `dseg`."""
        folder = self.samples if subject in self.synthetic else self.folder
        stem = str(folder / f"sub-{subject}" / "anat" / f"sub-{subject}_")
        images = {modality: Path(f"{stem}desc-preproc_{modality}.nii.gz") for modality in self.modalities}
        return {**images, "mask": Path(f"{stem}desc-brain_mask.nii.gz"), "dseg": Path(f"{stem}dseg.nii.gz")}

    def read(self, subject):
        """Volumes by name as tensors (1, X, Y, Z): images float32, mask float32, dseg uint8.

        Raises
        ------
        InputError
            If a volume is unreadable or its grid differs from the first one's.
        """
        if subject in self.cache:
            return self.cache[subject]
        volumes, first = {}, None
        for name, path in self.paths(subject).items():
            image = io.load_labels(path) if name in ("mask", "dseg") else io.load_image(path)
            first = first or (image, path)
            io.require_same_grid(*first, image, path)
            self.hashes[str(path)] = io.sha256(path)
            dtype = np.uint8 if name == "dseg" else np.float32
            self.affine = first[0].affine
            volumes[name] = torch.from_numpy(np.ascontiguousarray(np.asarray(image.dataobj), dtype=dtype))[None]
        size = sum(volume.numel() * volume.element_size() for volume in volumes.values())
        if self.cached_bytes + size <= CACHE_BYTES:
            self.cache[subject] = volumes
            self.cached_bytes += size
        return volumes

    def opened(self, *subjects):
        """Path -> SHA-256 of the files of some subjects, as they were read."""
        return {str(path): self.hashes[str(path)] for subject in subjects for path in self.paths(subject).values()}


class Pairs(torch.utils.data.Dataset):
    """A list of pairs as batches of one.

    Item k is a dict: `fixed`, `moving` (1, 1, X, Y, Z), `mask` of the fixed brain, `fixed_labels`, `moving_labels`
    (1, 1, X, Y, Z) uint8, `name`, `opened`.

    Parameters
    ----------
    subjects : Subjects
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
        If inter_subject has fewer than two subjects.
    """
    if task == "inter_subject" and len(subjects) < 2:
        raise InputError(f"training: expected at least 2 subjects for inter_subject, found {len(subjects)}")
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
