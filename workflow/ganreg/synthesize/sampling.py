"""Synthetic subjects from the training subjects of a fold: the progressive GAN's, and two controls without a GAN.

Sample k of each kind comes from the same subject under the same random deformation, so that kinds differ only in where
the images come from.
"""

import numpy as np
import pandas as pd
import torch

from ganreg import cli, io, manifest, training
from ganreg.preprocess.normalize import SHIFT
from ganreg.preprocess.subjects import Subjects
from ganreg.progress import mark_of
from ganreg.spatial.deform import deform_image, deform_labels, random_displacement
from ganreg.split import folds
from ganreg.synthesize.contrast import random_contrast
from ganreg.synthesize.pgan import Conditioned, carried
from ganreg.synthesize.pgan_networks import Condition, Generator
from ganreg.synthesize.samples import write_set


def source(names, number, labels_of, options):
    """What sample `number` is made from.

    Parameters
    ----------
    names : list of str, training subjects, taken in turn
    number : int, from 1
    labels_of : function (subject) -> (label array (X, Y, Z), affine)
    options : dict, block `deformation`

    Returns
    -------
    subject : str
    labels : array (X, Y, Z), deformed
    displacement : Tensor (1, 3, X, Y, Z), voxels
    affine : array (4, 4)
    """
    subject = names[(number - 1) % len(names)]
    labels, affine = labels_of(subject)
    rng = np.random.default_rng([options["seed"], number])
    displacement = random_displacement(rng, labels.shape, np.linalg.norm(affine[:3, :3], axis=0), options)
    return subject, deform_labels(labels, displacement), displacement, affine


def generator(weights, settings, labels, modalities, shape):
    """A function (label array (X, Y, Z), latent array) -> images (M, X, Y, Z) of a trained progressive GAN.

    Raises
    ------
    InputError
        If the weights do not fit the network of `settings`.
    """
    widths = [stage["width"] for stage in settings["stages"]]
    model = Generator(shape, widths, settings["latent"], labels, settings["embedding"], modalities, False)

    def last_stage(generator, z, labels):
        return generator(z, Condition(labels), len(widths) - 1, 1.0)

    network = training.trained(model, weights, settings, last_stage)

    def generate(labels, latent):
        z = torch.from_numpy(latent.astype(np.float32))[None]
        tensor = torch.from_numpy(np.ascontiguousarray(labels))[None, None]
        return network(z, tensor)[0].numpy()

    return generate


def _pgan(args, names):
    """Samples of the progressive GAN: deformed maps of the segmentation network, and images drawn for them."""
    settings, modalities = args.options["settings"], args.options["modalities"]
    cli.set_threads(settings["threads"])
    data = Conditioned(args.subjects, args.maps, modalities)
    shape = {data.read_map(name)[0].shape for name in names}.pop()
    largest = int(pd.read_csv(args.structures, sep="\t")["index"].max())
    generate = generator(args.weights, settings, largest, len(modalities), shape)

    def draw(number):
        _, labels, _, affine = source(names, number, data.read_map, args.options["deformation"])
        # a stream of its own: the deformation is that of the other kinds whatever the latent vector's length
        latent = np.random.default_rng([settings["seed"], number, 1]).standard_normal(settings["latent"])
        return dict(zip(modalities, generate(labels, latent), strict=True)), labels, affine

    return draw, {**carried(args.built_on), str(args.weights): io.sha256(args.weights), **data.hashes}


def _real(args, names):
    """Real subjects, and a function that gives the reference labels and affine of one."""
    subjects = Subjects(args.subjects, args.options["modalities"])
    labels = {name: subjects.read(name)["dseg"][0].numpy() for name in names}
    affines = {name: io.load_labels(subjects.paths(name)["dseg"]).affine for name in names}
    return subjects, lambda subject: (labels[subject], affines[subject])


def _warped(args, names):
    """Control: real training images and labels under the deformations."""
    subjects, labels_of = _real(args, names)

    def draw(number):
        subject, labels, displacement, affine = source(names, number, labels_of, args.options["deformation"])
        volumes = subjects.read(subject)
        brain = volumes["mask"][0].numpy() > 0
        # without the shift, so that the background is no darker than the brain and leaves no rim
        images = {name: np.where(brain, volumes[name][0].numpy() - SHIFT, 0) for name in args.options["modalities"]}
        return {name: deform_image(image, displacement) for name, image in images.items()}, labels, affine

    return draw, subjects.opened(*names)


def _random_contrast(args, names):
    """Rival: images of random contrast made from the deformed labels."""
    subjects, labels_of = _real(args, names)

    def draw(number):
        _, labels, _, affine = source(names, number, labels_of, args.options["deformation"])
        rng = np.random.default_rng([args.options["deformation"]["seed"], number, 1])
        settings = args.options["settings"]
        return {name: random_contrast(rng, labels, settings) for name in args.options["modalities"]}, labels, affine

    return draw, subjects.opened(*names)


# kind -> how to draw, and the label of its subjects
KINDS = {
    "pgan": (_pgan, "pgan"),
    "warped": (_warped, "warped"),
    "random_contrast": (_random_contrast, "contrast"),
}


def run(kind, parser, argv):
    """The body of every script that writes a fold's samples of a kind: the folder and its manifest.

    Parameters
    ----------
    kind : str, of `KINDS`
    parser : argparse.ArgumentParser, with the kind's own arguments
    argv : list of str, or None
    """
    parser = cli.add_paths(parser, "folds", "subjects", "output", "manifest")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    fold = folds.select(io.read_json(args.folds), args.fold)
    prepare, label = KINDS[kind]
    # all are read before the first sample, so that an interrupted set tells the same of its origin
    draw, opened = prepare(args, fold["train"][: args.options["samples"]])
    mark = mark_of(args.options, args.code, opened)
    write_set(args.output, f"{kind} samples fold {args.fold}", label, args.options["samples"], draw, mark)
    content = {"fold": fold["fold"], "kind": kind, "options": args.options, "opened": opened}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel", "scipy"], **content)
