"""What the progressive GAN is trained on: subjects with the label maps that condition it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.learn.base import Batch, BatchDataset
from ganreg.volumes import bids
from ganreg.volumes.normalize import SHIFT
from ganreg.volumes.subjects import Subjects


class Conditioned:
    """Preprocessed subjects with the label maps that condition the GAN, and that all samples are made from.

    Parameters
    ----------
    folder : Path of the preprocessed subjects
    maps : list of Path
        The folder of the segmentation network's maps; none: the reference labels take their place.
    modalities : list of str
    """

    def __init__(self, folder: Path, maps: Sequence[Path], modalities: Sequence[str]) -> None:
        self.subjects, self.maps, self.modalities = Subjects(folder, modalities), [*maps], modalities
        self.read_maps: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def map_path(self, subject: str) -> Path:
        """Path of a subject's map."""
        return bids.path(self.maps[0], subject, bids.MAP) if self.maps else self.subjects.paths(subject)["dseg"]

    def read_map(self, subject: str) -> tuple[np.ndarray, np.ndarray]:
        """A subject's map: uint8 array (X, Y, Z), and its affine."""
        if subject not in self.read_maps:
            path = self.map_path(subject)
            image = io.load_labels(path)
            self.read_maps[subject] = np.ascontiguousarray(image.dataobj, dtype=np.uint8), image.affine
        return self.read_maps[subject]

    def read(self, subject: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (M, X, Y, Z) as the networks want them, float32, and the map (1, X, Y, Z), uint8.

        Raises
        ------
        InputError
            If a file is unreadable or the map has another shape than the images.
        """
        volumes = self.subjects.read(subject, self.modalities)
        labels = torch.from_numpy(self.read_map(subject)[0])[None]
        images = torch.cat([volumes[modality] for modality in self.modalities])
        if labels.shape[1:] != images.shape[1:]:
            expected, found = tuple(images.shape[1:]), tuple(labels.shape[1:])
            raise InputError(f"{self.map_path(subject)}: expected the images' shape {expected}, found {found}")
        return to_networks(images, labels), labels

    def opened_maps(self, *subjects: str) -> dict[str, str]:
        """Path -> SHA-256 of some subjects' maps."""
        return {str(path): self.subjects.digest(path) for path in map(self.map_path, subjects)}

    def opened(self, *subjects: str) -> dict[str, str]:
        """Path -> SHA-256 of some subjects' images and maps."""
        return {**self.subjects.opened(*subjects, names=self.modalities), **self.opened_maps(*subjects)}


def to_networks(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Preprocessed images (..., M, X, Y, Z) without their shift, 0 where the map (..., 1, X, Y, Z) has no brain."""
    return (images - SHIFT) * (labels > 0)


class Batches(BatchDataset):
    """Batch of each training step: `images` (B, M, X, Y, Z) and `labels` (B, 1, X, Y, Z) of subjects drawn at random.

    A function of seed and step, so that resumed training sees what uninterrupted training does.

    Parameters
    ----------
    data : Conditioned
    names : list of str, the subjects that are drawn from
    sizes : list of int, of the batch of each step
    seed : int
    """

    def __init__(self, data: Conditioned, names: Sequence[str], sizes: Sequence[int], seed: int) -> None:
        self.data, self.names, self.sizes, self.seed = data, names, sizes, seed

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, step: int) -> Batch:
        drawn = [str(name) for name in np.random.default_rng([self.seed, step]).choice(self.names, self.sizes[step])]
        images, labels = zip(*map(self.data.read, drawn), strict=True)
        return {
            "images": torch.stack(images),
            "labels": torch.stack(labels),
            "name": ", ".join(map(bids.participant, drawn)),
            "opened": self.data.opened(*drawn),
        }


def inherited(manifests: Iterable[Path]) -> dict[str, str]:
    """Path -> SHA-256 of the files that went into what an output is built on, as its manifests tell."""
    return {path: digest for each in manifests for path, digest in io.read_json(each)["opened"].items()}
