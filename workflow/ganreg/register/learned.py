"""Training a registration network on a fold, and registering the fold's test pairs with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.learn import training
from ganreg.learn.devices import choose_device
from ganreg.learn.inference import trained
from ganreg.preprocess.settings import Augmentation
from ganreg.register import dataset, losses, mind, networks, similarity
from ganreg.register.filters import sharpened
from ganreg.register.refine import refine
from ganreg.register.settings import Refinement, RegistrationTraining
from ganreg.register.unet import RegistrationUNet
from ganreg.resume import resume_key
from ganreg.spatial import transform_file, warp
from ganreg.spatial.box import brain_box
from ganreg.split.folds import Fold
from ganreg.split.settings import Task
from ganreg.synthesize.settings import Synthetic
from ganreg.volumes import labels, overlap
from ganreg.volumes.subjects import Subjects


def loss_function(settings: RegistrationTraining, count: int) -> training.LossOf:
    """The loss of a batch (Eq. 4 and 7): similarity + diffusion + bending energy + Dice of warped labels.

    Images and labels are compared in the box of the fixed brain: a third of the grid and more is background.

    Parameters
    ----------
    settings : RegistrationTraining
        In training the Dice term takes `dice_structures` structures, drawn anew at each step; in validation all.
    count : int
        Number of structures.

    Returns
    -------
    function (model, batch) -> (loss, displacement)
    """

    def loss_of(model: torch.nn.Module, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        displacement = model(batch["fixed"], batch["moving"])
        with torch.autocast(displacement.device.type, enabled=False):
            box = brain_box(batch["mask"], mind.REACH)
            cropped, origin = displacement[(..., *box)], [part.start for part in box]
            fixed, moving = (sharpened(batch[name], settings.sharpening) for name in ("fixed", "moving"))
            warped = warp.warp(moving, cropped, origin=origin)
            fixed, mask = fixed[(..., *box)], batch["mask"][(..., *box)]
            loss = similarity.TERMS[settings.similarity](fixed, mask)(warped)
            loss = loss + settings.diffusion * losses.diffusion(displacement)
            if settings.bending:
                loss = loss + settings.bending * losses.bending_energy(displacement)
            if settings.dice:
                drawn = torch.randperm(count)[: settings.dice_structures] if model.training else torch.arange(count)
                maps = batch["moving_labels"], batch["fixed_labels"][(..., *box)]
                loss = loss + settings.dice * losses.warped_dice_loss(*maps, cropped, origin, 1 + drawn)
        return loss, displacement

    return loss_of


def score_function(count: int) -> training.ScoreOf:
    """Mean Dice of the warped labels on the working grid; the rest of the brain, label `count` + 1, is left out."""

    def score_of(batch: dict[str, Any], displacement: torch.Tensor) -> float:
        warped = warp.warp_labels(batch["moving_labels"][0, 0], displacement)
        fixed = batch["fixed_labels"][0, 0].cpu().numpy()
        return float(np.nanmean(overlap.dice(fixed, warped.cpu().numpy(), count + 1)[:count]))

    return score_of


def _training_set(
    settings: RegistrationTraining,
    train: list[str],
    task: Task,
    structures: pd.DataFrame,
    subjects: Subjects,
    augmentation: Augmentation | None,
    share: float,
) -> dataset.Pairs:
    """The pairs of all training steps, flipped and augmented where wanted."""
    pairs = dataset.training_pairs(task, train, settings.steps, settings.seed, subjects.synthetic, share)
    mirror_labels = labels.mirror_labels(structures)
    classic = None
    if augmentation:
        # TorchIO takes half a second to import, which every other job would pay
        from ganreg.preprocess.augment import ClassicAugmentation

        classic = ClassicAugmentation(augmentation, mirror_labels)
    flips = mirror_labels if settings.flip else None
    return dataset.Pairs(subjects, pairs, task, flips, settings.seed, classic)


def train(
    name: str,
    settings: RegistrationTraining,
    fold: Fold,
    task: Task,
    structures: pd.DataFrame,
    subjects_folder: Path,
    output: Path,
    key: str,
    augmentation: Augmentation | None = None,
    synthetic: Synthetic | None = None,
    samples: Path | None = None,
) -> tuple[list[dict[str, float]], dict[str, str]]:
    """Train a registration network on one fold's training subjects.

    Parameters
    ----------
    name : str, the method's
    settings : RegistrationTraining, the network's
    fold : dict, of `split.folds`
    task : Task
    structures : pandas.DataFrame, as `labels.structures` gives it
    subjects_folder : Path of the preprocessed subjects
    output : Path of the weights
    key : str, resume key of all settings and of the code; it is completed with the hashes of the subjects' files
    augmentation : Augmentation, or None
        Classic augmentation of the pairs.
    synthetic : Synthetic, or None
        How the synthetic subjects take part.
    samples : Path of the synthetic subjects, or None

    Returns
    -------
    history, opened : as `training.train` gives them
    """
    limit, share = (synthetic.subjects, synthetic.share) if synthetic else (None, 0.0)
    subjects = Subjects(subjects_folder, sorted({task.fixed, task.moving}), samples, limit)
    steps = _training_set(settings, fold["train"], task, structures, subjects, augmentation, share)
    held_out = [(pair["moving"], pair["fixed"]) for pair in fold["validation_pairs"]]
    validation = dataset.Pairs(subjects, held_out, task)
    used = sorted({subject for pair in [*steps.pairs, *held_out] for subject in pair})
    inputs = {str(path): io.sha256(path) for subject in used for path in subjects.paths(subject).values()}
    torch.manual_seed(settings.seed)
    model = networks.build(settings)
    count = int((structures["name"] != labels.REST).sum())
    loss_of, score_of = loss_function(settings, count), score_function(count)
    title = f"{name} fold {fold['fold']}"
    return training.train(title, model, steps, validation, loss_of, score_of, settings, output, resume_key(key, inputs))


def _refiner(
    model: torch.nn.Module, refinement: Refinement, device: torch.device
) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
    """A function (velocity, fixed, moving) that gives the refined displacement, all on the CPU."""
    if not isinstance(model, RegistrationUNet):
        raise InputError(f"refinement: expected a network of a velocity, found {type(model).__name__}")

    def refined(velocity: torch.Tensor, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        velocity, fixed, moving = (each.to(device) for each in (velocity, fixed, moving))
        return model.displacement(refine(velocity, model.displacement, fixed, moving, refinement)).cpu()

    return refined


def registrar(
    weights: Path, settings: RegistrationTraining, refinement: Refinement | None = None
) -> Callable[[Path, Path, Path], None]:
    """A function (fixed path, moving path, output) that registers one pair with a trained network.

    Parameters
    ----------
    weights : Path
    settings : RegistrationTraining, the network's
    refinement : Refinement, or None
        The network's velocity is refined on the pair.

    Raises
    ------
    InputError
        If the weights do not fit the network, or it has no velocity to refine.
    """
    model = networks.build(settings)
    refined = _refiner(model, refinement, choose_device(settings.device)) if refinement else None
    network = trained(model, weights, settings, RegistrationUNet.velocity if refinement else None)

    def register(fixed_path: Path, moving_path: Path, output: Path) -> None:
        fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
        io.require_same_grid(fixed, fixed_path, moving, moving_path)
        tensors = [torch.from_numpy(np.asarray(image.dataobj))[None, None] for image in (fixed, moving)]
        found = network(*tensors)
        if refined:
            found = refined(found, tensors[0], tensors[1])
        transform_file.write_transform(output, found[0].numpy(), fixed.affine)

    return register
