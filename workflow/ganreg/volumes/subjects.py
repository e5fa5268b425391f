"""Preprocessed subjects, real or synthetic, as the networks read them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ganreg import io
from ganreg.volumes import bids

CACHE_BYTES = 4 << 30


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a volume are."""

    shape: tuple[int, ...]
    affine: np.ndarray


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
    affine : array (4, 4), mm, of the grid of all; None before one was read
    """

    def __init__(
        self, folder: Path, modalities: Sequence[str], samples: Path | None = None, limit: int | None = None
    ) -> None:
        self.folder, self.modalities, self.samples = Path(folder), modalities, samples
        self.synthetic = bids.subjects_in(samples)[:limit] if samples else []
        self.cache: dict[tuple[str, str], torch.Tensor] = {}
        self.cached_bytes = 0
        self.hashes: dict[Path, str] = {}
        # of the volume that was read first, with its path
        self.first: tuple[Grid, Path] | None = None

    @property
    def affine(self) -> np.ndarray | None:
        return self.first[0].affine if self.first else None

    def paths(self, subject: str) -> dict[str, Path]:
        """Paths by name: each modality, `mask`, `dseg`."""
        folder = self.samples if self.samples and subject in self.synthetic else self.folder
        names = {modality: bids.preprocessed(modality) for modality in self.modalities}
        names |= {"mask": bids.MASK, "dseg": bids.DSEG}
        return {key: bids.path(folder, subject, name) for key, name in names.items()}

    def digest(self, path: Path) -> str:
        """SHA-256 of a file, taken once: workers of a data loader inherit what was taken before they began."""
        if path not in self.hashes:
            self.hashes[path] = io.sha256(path)
        return self.hashes[path]

    def _load(self, name: str, path: Path) -> torch.Tensor:
        image = io.load_labels(path) if name in ("mask", "dseg") else io.load_image(path)
        self.first = self.first or (Grid(image.shape, image.affine), path)
        io.require_same_grid(*self.first, image, path)
        dtype = np.uint8 if name in ("mask", "dseg") else np.float32
        # a copy, since a mapped file counts as open
        return torch.from_numpy(np.array(image.dataobj, dtype=dtype))[None]

    def read(self, subject: str, names: Iterable[str] | None = None) -> dict[str, torch.Tensor]:
        """Volumes by name as tensors (1, X, Y, Z): images float32, mask and dseg uint8.

        In memory they lie as in the file, X fastest: to change that takes longer than to read them, unless on a GPU.

        Parameters
        ----------
        subject : str
        names : modalities, `mask`, `dseg`; None: all of them
            Nothing else is opened.

        Raises
        ------
        InputError
            If a volume is unreadable or its grid differs from that of the first one of all.
        """
        paths, volumes = self.paths(subject), {}
        # each worker of a data loader has a copy of this object
        worker = torch.utils.data.get_worker_info()
        room = CACHE_BYTES // (worker.num_workers if worker else 1)
        for name in paths if names is None else names:
            if (subject, name) not in self.cache:
                volumes[name] = self._load(name, paths[name])
                if self.cached_bytes + volumes[name].nbytes <= room:
                    self.cache[subject, name] = volumes[name]
                    self.cached_bytes += volumes[name].nbytes
            else:
                volumes[name] = self.cache[subject, name]
        return volumes

    def opened(self, *subjects: str, names: Iterable[str] | None = None) -> dict[str, str]:
        """Path -> SHA-256 of the files that `read` opens of some subjects; names as there."""
        wanted = None if names is None else list(names)
        return {
            str(path): self.digest(path)
            for subject in subjects
            for name, path in self.paths(subject).items()
            if wanted is None or name in wanted
        }
