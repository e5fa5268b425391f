"""DAGAN's samples: training subjects, augmented, under-sampled in k-space and restored."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ganreg import io
from ganreg.learn.inference import trained
from ganreg.spatial.deform import Displacements
from ganreg.synthesize.dagan_augmentation import SubjectAugmentation
from ganreg.synthesize.dagan_data import images_of, zscores
from ganreg.synthesize.dagan_networks import Generator, undersample
from ganreg.synthesize.pgan_data import Conditioned
from ganreg.synthesize.samples import Sampler
from ganreg.synthesize.settings import DaganSampling


def _damage_and_restore(generator: Generator, slices: torch.Tensor) -> torch.Tensor:
    return generator(undersample(slices, generator.lines))


def restorer(weights: Path, settings: DaganSampling, size: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that under-samples and restores volumes slice by slice with a trained generator.

    Parameters
    ----------
    weights : Path
    settings : DaganSampling
    size : int, lines of k-space: the grid's second axis

    Returns
    -------
    function: z-scores (M, X, Y, Z), float32 array, 0 outside the brain -> the same, restored

    Raises
    ------
    InputError
        If the weights do not fit the network of `settings`.
    """
    # the weights hold the lines of k-space that were kept
    generator = Generator(settings.features, torch.ones(size, dtype=torch.bool))
    network = trained(generator, weights, settings, _damage_and_restore)

    def restore(scores: np.ndarray) -> np.ndarray:
        modalities, width, lines, levels = scores.shape
        slices = torch.from_numpy(np.moveaxis(scores, 3, 1).reshape(-1, 1, width, lines))
        # a modality's slices at a time: a large grid's would not all fit
        restored = torch.cat([network(part) for part in slices.split(levels)])
        return np.moveaxis(restored.numpy().reshape(modalities, levels, width, lines), 1, 3)

    return restore


def sampler(
    weights: Path,
    settings: DaganSampling,
    data: Conditioned,
    names: Sequence[str],
    mirror_labels: np.ndarray | None,
    displacements: Displacements,
) -> tuple[Sampler, dict[str, str]]:
    """A function that draws DAGAN's samples from some subjects, taken in turn.

    Parameters
    ----------
    weights : Path of the generator's weights
    settings : DaganSampling
    data : Conditioned, the subjects and their label maps
    names : list of str
    mirror_labels : uint8 array (K + 1,), or None, as `labels.mirror_labels` gives it
    displacements : Displacements
        Of the other kinds' samples; unless the settings ask for the published one.

    Returns
    -------
    draw : as `samples.write_set` wants it
    opened : dict, path -> SHA-256 of the subjects' files and maps and of the weights
    """
    # all are read before the first sample, so that an interrupted set tells the same of its origin
    shape = {tuple(data.read(name)[1].shape[1:]) for name in names}.pop()
    opened = {**data.opened(*names), str(weights): io.sha256(weights)}
    # a stream of its own: the copies are others than those of the training
    published = settings.published_deformation
    augmentation = SubjectAugmentation(
        settings.augmentation,
        [settings.seed, 1],
        mirror_labels if published else None,
        None if published else displacements,
    )
    restore = restorer(weights, settings, shape[1])

    def draw(number: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        subject = names[(number - 1) % len(names)]
        labels, affine = data.read_map(subject)
        images, moved = augmentation(images_of(data.subjects, subject), labels, affine, number)
        restored = restore(zscores(images, moved))
        return dict(zip(data.modalities, restored, strict=True)), moved, affine

    return draw, opened
