"""Synthetic subjects from the training subjects of a fold: the progressive GAN's, and two controls without a GAN.

Sample k of each kind comes from the same subject under the same random deformation, so that kinds differ only in where
the images come from.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ganreg import io
from ganreg.learn.inference import trained
from ganreg.spatial.deform import deform_image, deform_labels, random_displacement
from ganreg.spatial.settings import SeededDeformation
from ganreg.synthesize.contrast import random_contrast
from ganreg.synthesize.pgan_data import Conditioned
from ganreg.synthesize.pgan_networks import Condition, Generator
from ganreg.synthesize.samples import Sampler
from ganreg.synthesize.settings import PganTraining, RandomContrast
from ganreg.volumes.normalize import SHIFT
from ganreg.volumes.subjects import Subjects

# subject -> (label array (X, Y, Z), affine)
LabelsOf = Callable[[str], tuple[np.ndarray, np.ndarray]]
Drawn = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


def source(
    names: Sequence[str], number: int, labels_of: LabelsOf, deformation: SeededDeformation
) -> tuple[str, np.ndarray, torch.Tensor, np.ndarray]:
    """What sample `number` is made from.

    Parameters
    ----------
    names : list of str, training subjects, taken in turn
    number : int, from 1
    labels_of : function (subject) -> (label array (X, Y, Z), affine)
    deformation : SeededDeformation

    Returns
    -------
    subject : str
    labels : array (X, Y, Z), deformed
    displacement : Tensor (1, 3, X, Y, Z), voxels
    affine : array (4, 4)
    """
    subject = names[(number - 1) % len(names)]
    labels, affine = labels_of(subject)
    rng = np.random.default_rng([deformation.seed, number])
    displacement = random_displacement(rng, labels.shape, np.linalg.norm(affine[:3, :3], axis=0), deformation)
    return subject, deform_labels(labels, displacement), displacement, affine


def generator(
    weights: Path, settings: PganTraining, labels: int, modalities: int, shape: Sequence[int]
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A function (label array (X, Y, Z), latent array) -> images (M, X, Y, Z) of a trained progressive GAN.

    Raises
    ------
    InputError
        If the weights do not fit the network of `settings`.
    """
    widths = [stage.width for stage in settings.stages]
    model = Generator(shape, widths, settings.latent, labels, settings.embedding, modalities, checkpointing=False)

    def last_stage(network: Generator, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return network(z, Condition(labels), len(widths) - 1, 1.0)

    evaluate = trained(model, weights, settings, last_stage)

    def generate(labels: np.ndarray, latent: np.ndarray) -> np.ndarray:
        z = torch.from_numpy(latent.astype(np.float32))[None]
        tensor = torch.from_numpy(np.ascontiguousarray(labels))[None, None]
        return evaluate(z, tensor)[0].numpy()

    return generate


def pgan(
    weights: Path,
    settings: PganTraining,
    data: Conditioned,
    names: Sequence[str],
    labels: int,
    deformation: SeededDeformation,
) -> tuple[Sampler, dict[str, str]]:
    """Samples of the progressive GAN: deformed maps of the segmentation network, and images drawn for them.

    Parameters
    ----------
    weights : Path
    settings : PganTraining
    data : Conditioned
    names : list of str, the subjects whose maps are taken
    labels : int, the largest label number
    deformation : SeededDeformation

    Returns
    -------
    draw : as `samples.write_set` wants it
    opened : dict, path -> SHA-256 of maps and weights
    """
    # all are read before the first sample, so that an interrupted set tells the same of its origin
    shape = {data.read_map(name)[0].shape for name in names}.pop()
    generate = generator(weights, settings, labels, len(data.modalities), shape)

    def draw(number: int) -> Drawn:
        _, moved, _, affine = source(names, number, data.read_map, deformation)
        # a stream of its own: the deformation is that of the other kinds whatever the latent vector's length
        latent = np.random.default_rng([settings.seed, number, 1]).standard_normal(settings.latent)
        return dict(zip(data.modalities, generate(moved, latent), strict=True)), moved, affine

    return draw, {str(weights): io.sha256(weights), **data.hashes}


def _reference_labels(subjects: Subjects, names: Sequence[str]) -> LabelsOf:
    """A function that gives the reference labels and affine of a subject; all are read at once."""
    labels = {name: subjects.read(name)["dseg"][0].numpy() for name in names}
    affines = {name: io.load_labels(subjects.paths(name)["dseg"]).affine for name in names}
    return lambda subject: (labels[subject], affines[subject])


def warped(subjects: Subjects, names: Sequence[str], deformation: SeededDeformation) -> tuple[Sampler, dict[str, str]]:
    """Control: real images and labels under the deformations; returns as `pgan`."""
    labels_of = _reference_labels(subjects, names)

    def draw(number: int) -> Drawn:
        subject, labels, displacement, affine = source(names, number, labels_of, deformation)
        volumes = subjects.read(subject)
        brain = volumes["mask"][0].numpy() > 0
        # without the shift, so that the background is no darker than the brain and leaves no rim
        images = {name: np.where(brain, volumes[name][0].numpy() - SHIFT, 0) for name in subjects.modalities}
        return {name: deform_image(image, displacement) for name, image in images.items()}, labels, affine

    return draw, subjects.opened(*names)


def contrasts(
    subjects: Subjects, names: Sequence[str], deformation: SeededDeformation, settings: RandomContrast
) -> tuple[Sampler, dict[str, str]]:
    """Control: images of random contrast, made from the deformed reference labels; returns as `pgan`."""
    labels_of = _reference_labels(subjects, names)

    def draw(number: int) -> Drawn:
        _, labels, _, affine = source(names, number, labels_of, deformation)
        rng = np.random.default_rng([deformation.seed, number, 1])
        return {name: random_contrast(rng, labels, settings) for name in subjects.modalities}, labels, affine

    return draw, subjects.opened(*names)
