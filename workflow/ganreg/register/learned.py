"""Training a registration network on a fold, and registering the fold's test pairs with it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ganreg import cli, io, manifest, training
from ganreg.evaluate import overlap
from ganreg.preprocess import labels
from ganreg.preprocess.labels import REST
from ganreg.preprocess.subjects import Subjects
from ganreg.progress import mark_of
from ganreg.register import dataset, losses, networks
from ganreg.register.refine import refine
from ganreg.spatial import transform_file, warp
from ganreg.spatial.box import brain_box
from ganreg.split import folds


def loss_function(options, count):
    """The loss of a batch (Eq. 4 and 7): similarity + diffusion + bending energy + Dice of warped labels.

    Images and labels are compared in the box of the fixed brain: a third of the grid and more is background.

    Parameters
    ----------
    options : dict
        `similarity`; `sharpening`, of the images that it compares; the weights `diffusion`, `bending`, `dice`;
        `dice_structures`: how many structures, drawn anew at each training step, the Dice term looks at; when evaluated
        it looks at all.
    count : int
        Number of structures.

    Returns
    -------
    function (model, batch) -> (loss, displacement)
    """

    def loss_of(model, batch):
        displacement = model(batch["fixed"], batch["moving"])
        with torch.autocast(displacement.device.type, enabled=False):
            box = brain_box(batch["mask"], losses.REACH)
            cropped, origin = displacement[(..., *box)], [side.start for side in box]
            fixed, moving = (losses.sharpened(batch[name], options["sharpening"]) for name in ("fixed", "moving"))
            warped = warp.warp(moving, cropped, origin=origin)
            fixed, mask = fixed[(..., *box)], batch["mask"][(..., *box)]
            loss = losses.similarity_to(options["similarity"], fixed, mask)(warped)
            loss = loss + options["diffusion"] * losses.diffusion(displacement)
            if options["bending"]:
                loss = loss + options["bending"] * losses.bending_energy(displacement)
            if options["dice"]:
                numbers = 1 + (
                    torch.randperm(count)[: options["dice_structures"]] if model.training else torch.arange(count)
                )
                labels = batch["moving_labels"], batch["fixed_labels"][(..., *box)]
                loss = loss + options["dice"] * losses.warped_dice_loss(*labels, cropped, origin, numbers)
        return loss, displacement

    return loss_of


def score_function(count):
    """Mean Dice of the warped labels on the working grid; the rest of the brain, label `count` + 1, is left out."""

    def score_of(batch, displacement):
        warped = warp.warp_labels(batch["moving_labels"][0, 0], displacement)
        fixed = batch["fixed_labels"][0, 0].cpu().numpy()
        return float(np.nanmean(overlap.dice(fixed, warped.cpu().numpy(), count + 1)[:count]))

    return score_of


def train(name, options, fold, task, structures, subjects_folder, output, code, arm=None, samples=None):
    """Train a registration network on one fold's training subjects.

    Parameters
    ----------
    name : str, the method's
    options : dict, the network's block of the configuration
    fold : dict, of `split.folds`
    task : dict, block `task`
    structures : pandas.DataFrame, as `labels.structures` gives it
    subjects_folder : Path of the preprocessed subjects
    output : Path of the weights
    code : str, fingerprint of the code
    arm : dict, or None
        What an arm of the experiment adds to the real subjects: `augmentation`, the block of classic augmentation;
        `synthetic_share`, of the steps that take synthetic subjects; `synthetic_subjects`, how many there are.
    samples : Path of the synthetic subjects, or None

    Returns
    -------
    history, opened : as `training.train` gives them
    """
    fixed_modality, moving_modality = task["fixed"], task["moving"]
    arm = arm or {}
    modalities = sorted({fixed_modality, moving_modality})
    subjects = Subjects(subjects_folder, modalities, samples, arm.get("synthetic_subjects"))
    pairs = dataset.training_pairs(
        task["pairs"], fold["train"], task["atlas"], options["steps"], options["seed"],
        subjects.synthetic, arm.get("synthetic_share", 0),
    )  # fmt: skip
    mirrors = labels.mirrors(structures)
    classic = None
    if "augmentation" in arm:
        # TorchIO takes half a second to import, which every other job would pay
        from ganreg.preprocess.augment import ClassicAugmentation

        classic = ClassicAugmentation(arm["augmentation"], mirrors)
    flips = mirrors if options["flip"] else None
    steps = dataset.Pairs(subjects, pairs, fixed_modality, moving_modality, flips, options["seed"], classic)
    held_out = [(pair["moving"], pair["fixed"]) for pair in fold["validation_pairs"]]
    validation = dataset.Pairs(subjects, held_out, fixed_modality, moving_modality)
    used = sorted({subject for pair in [*pairs, *held_out] for subject in pair})
    inputs = {str(path): io.sha256(path) for subject in used for path in subjects.paths(subject).values()}
    torch.manual_seed(options["seed"])
    model = networks.build(options)
    count = int((structures["name"] != REST).sum())
    mark = mark_of(options, task, arm, code, inputs)
    loss_of, score_of = loss_function(options, count), score_function(count)
    title = f"{name} fold {fold['fold']}"
    return training.train(title, model, steps, validation, loss_of, score_of, options, output, mark)


def registrar(weights, options, refinement=None):
    """A function (fixed path, moving path, output) that registers one pair with a trained network.

    Parameters
    ----------
    weights : Path
    options : dict, the network's block of the configuration
    refinement : dict, or None
        Block `refinement`: the U-Net's velocity is refined on the pair.

    Raises
    ------
    InputError
        If the weights do not fit the network of `options`.
    """
    model = networks.build(options)
    network = training.trained(model, weights, options, networks.RegistrationUNet.velocity if refinement else None)
    device = training.choose_device(options["device"])

    def register(fixed_path, moving_path, output):
        fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
        io.require_same_grid(fixed, fixed_path, moving, moving_path)
        tensors = [torch.from_numpy(np.asarray(image.dataobj))[None, None] for image in (fixed, moving)]
        found = network(*tensors)
        if refinement:
            tensors = [each.to(device) for each in tensors]
            found = model.displacement(refine(found.to(device), model.displacement, *tensors, refinement)).cpu()
        transform_file.write_transform(output, found[0].numpy(), fixed.affine)

    return register


def run_training(parser, argv):
    """The body of every script that trains a registration network: weights, history and manifest of one fold."""
    parser = cli.add_paths(parser, "folds", "structures", "subjects", "weights", "history", "manifest")
    parser.add_argument("--fold", required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--samples", type=Path, help="folder of synthetic subjects, where the arm has them")
    parser.add_argument("--samples-manifest", type=Path, help="what they were made from")
    args = parser.parse_args(argv)
    settings, task = args.options["settings"], args.options["task"]
    cli.set_threads(settings["threads"])
    fold = folds.select(io.read_json(args.folds), args.fold)
    structures = pd.read_csv(args.structures, sep="\t")
    history, opened = train(
        args.method, settings, fold, task, structures, args.subjects, args.weights, args.code,
        args.options.get("arm"), args.samples,
    )  # fmt: skip
    if args.samples_manifest:
        opened |= io.read_json(args.samples_manifest)["opened"]
    io.write_text(args.history, "".join(json.dumps(line) + "\n" for line in history))
    summary = {"under_trained": training.still_falling(history), "best": max(h["validation_dice"] for h in history)}
    content = {"fold": fold["fold"], "method": args.method, "options": args.options, "opened": opened, **summary}
    manifest.write(args.manifest, ["torch", "monai", "numpy", "nibabel"], **content)
