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
from ganreg.spatial.deform import Displacements, deform_image, deform_labels
from ganreg.synthesize.contrast import random_contrast
from ganreg.synthesize.pgan_condition import Condition
from ganreg.synthesize.pgan_data import Conditioned
from ganreg.synthesize.pgan_networks import LAYERS, Generator
from ganreg.synthesize.samples import VECTORS, Sampler
from ganreg.synthesize.settings import PganTraining, RandomContrast

# subject -> (label array (X, Y, Z), affine)
LabelsOf = Callable[[str], tuple[np.ndarray, np.ndarray]]
Drawn = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


def source(
    names: Sequence[str], number: int, labels_of: LabelsOf, displacements: Displacements
) -> tuple[str, np.ndarray, torch.Tensor, np.ndarray]:
    """What sample `number` is made from.

    Parameters
    ----------
    names : list of str, training subjects, taken in turn
    number : int, from 1
    labels_of : function (subject) -> (label array (X, Y, Z), affine)
    displacements : Displacements

    Returns
    -------
    subject : str
    labels : array (X, Y, Z), deformed
    displacement : Tensor (1, 3, X, Y, Z), voxels
    affine : array (4, 4)
    """
    subject = names[(number - 1) % len(names)]
    labels, affine = labels_of(subject)
    displacement = displacements(number, labels.shape, np.linalg.norm(affine[:3, :3], axis=0))
    return subject, deform_labels(labels, displacement), displacement, affine


def generator(
    weights: Path, settings: PganTraining, labels: int, modalities: int, shape: Sequence[int]
) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """A function (label array (X, Y, Z), random generator) -> images (M, X, Y, Z) of a trained progressive GAN.

    Latent vector and noise are drawn from the random generator.

    Raises
    ------
    InputError
        If the weights do not fit the network of `settings`.
    """
    widths = [stage.width for stage in settings.stages]
    model = Generator(shape, widths, settings.latent, labels, settings.embedding, modalities, checkpointing=False)

    def last_stage(network: Generator, labels: torch.Tensor, z: torch.Tensor, *noise: torch.Tensor) -> torch.Tensor:
        return network(z, Condition(labels), len(widths) - 1, 1.0, noise)

    evaluate = trained(model, weights, settings, last_stage)

    def generate(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sizes = [(1, settings.latent), *((1, LAYERS, *each) for each in model.shapes)]
        drawn = [torch.from_numpy(rng.standard_normal(size, dtype=np.float32)) for size in sizes]
        return evaluate(torch.from_numpy(np.ascontiguousarray(labels))[None, None], *drawn)[0].numpy()

    return generate


def pgan(
    weights: Path,
    settings: PganTraining,
    data: Conditioned,
    names: Sequence[str],
    labels: int,
    displacements: Displacements,
) -> tuple[Sampler, Sampler, dict[str, str]]:
    """Samples of the progressive GAN: deformed label maps, and images drawn for them.

    Parameters
    ----------
    weights : Path
    settings : PganTraining
    data : Conditioned
    names : list of str, the subjects whose maps are taken
    labels : int, the largest label number
    displacements : Displacements

    Returns
    -------
    draw : as `samples.write_set` wants it
    draw_again : the same, of the samples of `samples.vector_names`
        Those of one map, which is not deformed, differ by their latent vectors and noise alone.
    opened : dict, path -> SHA-256 of maps and weights
    """
    # all are read before the first sample, so that an interrupted set tells the same of its origin
    shape = {data.read_map(name)[0].shape for name in names}.pop()
    generate = generator(weights, settings, labels, len(data.modalities), shape)

    def imaged(labels: np.ndarray, affine: np.ndarray, stream: Sequence[int]) -> Drawn:
        images = generate(labels, np.random.default_rng([settings.seed, *stream]))
        return dict(zip(data.modalities, images, strict=True)), labels, affine

    def draw(number: int) -> Drawn:
        _, moved, _, affine = source(names, number, data.read_map, displacements)
        # a stream of its own: the deformation is that of the other kinds whatever the latent vector's length
        return imaged(moved, affine, [number, 1])

    def draw_again(number: int) -> Drawn:
        return imaged(*data.read_map(names[(number - 1) // VECTORS]), [number, 2])

    return draw, draw_again, {str(weights): io.sha256(weights), **data.opened_maps(*names)}


def warped(data: Conditioned, names: Sequence[str], displacements: Displacements) -> tuple[Sampler, dict[str, str]]:
    """Control: real images, with the maps that condition the GAN, under the deformations.

    Parameters
    ----------
    data, names, displacements : as of `pgan`

    Returns
    -------
    draw : as `samples.write_set` wants it
    opened : dict, path -> SHA-256 of images and maps
    """

    # all are read before the first sample, as above
    for name in names:
        data.read(name)

    def draw(number: int) -> Drawn:
        subject, labels, displacement, affine = source(names, number, data.read_map, displacements)
        # without the shift, so that the background is no darker than the brain and leaves no rim
        images = zip(data.modalities, data.read(subject)[0].numpy(), strict=True)
        return {name: deform_image(image, displacement) for name, image in images}, labels, affine

    return draw, data.opened(*names)


def contrasts(
    data: Conditioned, names: Sequence[str], displacements: Displacements, settings: RandomContrast
) -> tuple[Sampler, dict[str, str]]:
    """Control: images of random contrast, made from the deformed maps alone; parameters and returns as of `warped`."""
    for name in names:
        data.read_map(name)

    def draw(number: int) -> Drawn:
        _, labels, _, affine = source(names, number, data.read_map, displacements)
        rng = np.random.default_rng([displacements.settings.seed, number, 1])
        return {name: random_contrast(rng, labels, settings) for name in data.modalities}, labels, affine

    return draw, data.opened_maps(*names)
