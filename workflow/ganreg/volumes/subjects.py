"""Preprocessed subjects, real or synthetic, as the networks read them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ganreg import io
from ganreg.volumes import bids

CACHE_BYTES = 4 << 30


class Subjects:
    """Preprocessed subjects, read when asked for and kept in memory while there is room.

    Parameters
    ----------
    folder : Path of the preprocessed subjects
    modalities : list of str
    samples : Path of synthetic subjects in the same layout, or None
    limit : int, or None
        How many of them, the first by name; None: all.

    Attributes
    ----------
    synthetic : list of str, the synthetic subjects
    affine : array (4, 4), mm, of the grid that was read last; None before
    """

    def __init__(
        self, folder: Path, modalities: Sequence[str], samples: Path | None = None, limit: int | None = None
    ) -> None:
        self.folder, self.modalities, self.samples = Path(folder), modalities, samples
        self.synthetic = bids.subjects_in(samples)[:limit] if samples else []
        self.cache: dict[str, dict[str, torch.Tensor]] = {}
        self.cached_bytes = 0
        self.hashes: dict[str, str] = {}
        self.affine: np.ndarray | None = None

    def paths(self, subject: str) -> dict[str, Path]:
        """Paths by name: each modality, `mask`, `dseg`."""
        folder = self.samples if self.samples and subject in self.synthetic else self.folder
        names = {modality: bids.preprocessed(modality) for modality in self.modalities}
        names |= {"mask": bids.MASK, "dseg": bids.DSEG}
        return {key: bids.path(folder, subject, name) for key, name in names.items()}

    def read(self, subject: str) -> dict[str, torch.Tensor]:
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
        # each worker of a data loader has a copy of this object
        worker = torch.utils.data.get_worker_info()
        if self.cached_bytes + size <= CACHE_BYTES // (worker.num_workers if worker else 1):
            self.cache[subject] = volumes
            self.cached_bytes += size
        return volumes

    def opened(self, *subjects: str) -> dict[str, str]:
        """Path -> SHA-256 of the files of some subjects, as they were read."""
        return {str(path): self.hashes[str(path)] for subject in subjects for path in self.paths(subject).values()}
