"""Training a registration network on a fold, and registering the fold's test pairs with it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.learn import training
from ganreg.learn.devices import choose_device
from ganreg.learn.inference import load_weights, trained
from ganreg.preprocess.augment import ClassicAugmentation
from ganreg.preprocess.settings import Augmentation
from ganreg.register import dataset, losses, mind, networks, similarity
from ganreg.register.filters import sharpened
from ganreg.register.known import velocities_of
from ganreg.register.recipe import Recipe
from ganreg.register.refine import refine
from ganreg.register.settings import Refinement, RegistrationTraining
from ganreg.register.velocity import VelocityNetwork
from ganreg.resume import resume_key
from ganreg.spatial import transform_file, warp
from ganreg.spatial.box import brain_box
from ganreg.spatial.variation import Variation
from ganreg.split.folds import Fold
from ganreg.volumes import labels, overlap
from ganreg.volumes.subjects import Subjects
from ganreg.volumes.velocities import read_variation


def _terms_of_images_and_labels(
    settings: RegistrationTraining, batch: dict[str, Any], displacement: torch.Tensor, structures: torch.Tensor
) -> torch.Tensor:
    """Similarity + diffusion + bending energy + Dice of some structures, in the box of the fixed brain."""
    # a third of the grid and more is background
    box = brain_box(batch["mask"], mind.REACH)
    cropped, origin = displacement[(..., *box)], [part.start for part in box]
    loss = settings.diffusion * losses.diffusion(displacement)
    if settings.similarity_weight:
        fixed, moving = (sharpened(batch[name], settings.sharpening) for name in ("fixed", "moving"))
        warped = warp.warp(moving, cropped, origin=origin)
        term = similarity.TERMS[settings.similarity](fixed[(..., *box)], batch["mask"][(..., *box)])
        loss = loss + settings.similarity_weight * term(warped)
    if settings.bending:
        loss = loss + settings.bending * losses.bending_energy(displacement)
    if settings.dice:
        maps = batch["moving_labels"], batch["fixed_labels"][(..., *box)]
        loss = loss + settings.dice * losses.warped_dice_loss(*maps, cropped, origin, structures)
    return loss


def loss_function(settings: RegistrationTraining, count: int) -> training.LossOf:
    """The loss of a batch (Eq. 4 and 7): similarity + diffusion + bending energy + Dice of warped labels.

    Where the displacement of a pair is known, its mean squared error is added, or, without labels, is all there is.

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
        loss = displacement.new_zeros(())
        with torch.autocast(displacement.device.type, enabled=False):
            if "displacement" in batch:
                error = losses.displacement_error(displacement, batch["displacement"], batch["mask"])
                loss = loss + settings.known * error
            if "fixed_labels" in batch:
                drawn = torch.randperm(count)[: settings.dice_structures] if model.training else torch.arange(count)
                loss = loss + _terms_of_images_and_labels(settings, batch, displacement, 1 + drawn)
        return loss, displacement

    return loss_of


def score_function(count: int) -> training.ScoreOf:
    """Mean Dice of the warped labels on the working grid; the rest of the brain, label `count` + 1, is left out."""

    def score_of(batch: dict[str, Any], displacement: torch.Tensor) -> float:
        warped = warp.warp_labels(batch["moving_labels"][0, 0], displacement)
        fixed = batch["fixed_labels"][0, 0].cpu().numpy()
        return float(np.nanmean(overlap.dice(fixed, warped.cpu().numpy(), count + 1)[:count]))

    return score_of


def training_steps(
    settings: RegistrationTraining, recipe: Recipe, train: list[str], synthetic: list[str]
) -> list[dataset.Step]:
    """The pairs of all training steps: the same real ones in every arm, and in between those that the arm adds.

    Parameters
    ----------
    settings : RegistrationTraining, the network's
    recipe : Recipe
    train : list of str, the fold's training subjects
    synthetic : list of str, the synthetic ones; none: what is added are training subjects under known deformations
    """
    real = dataset.drawn_pairs(recipe.task, train, settings.seed)
    added, seed = recipe.synthetic, [settings.seed, 1]
    if recipe.pretraining:
        return dataset.interleaved(real, 0, dataset.drawn_subjects(train, seed), settings.pretraining)
    if added is None:
        return dataset.interleaved(real, settings.steps, iter(()), 0)
    pool, more = synthetic or train, round(added.per_real * settings.steps)
    of_one = added.supervision != "labels"
    drawn = dataset.drawn_subjects(pool, seed) if of_one else dataset.drawn_pairs(recipe.task, pool, seed)
    return dataset.interleaved(real, settings.steps, drawn, more)


def _training_set(
    settings: RegistrationTraining,
    recipe: Recipe,
    train: list[str],
    structures: pd.DataFrame,
    subjects: Subjects,
    variation: Variation | None,
) -> dataset.Pairs:
    """All training steps, each stream treated as the recipe says."""
    mirror_labels = labels.mirror_labels(structures)

    def classic(augmentation: Augmentation | None) -> ClassicAugmentation | None:
        return ClassicAugmentation(augmentation, mirror_labels) if augmentation else None

    known = velocities_of(recipe.known, variation) if recipe.draws_known else None
    box = recipe.known.box if recipe.pretraining else None
    added = dataset.Treatment(classic(recipe.post_processing), known, recipe.supervision != "displacement", box)
    steps = training_steps(settings, recipe, train, subjects.synthetic)
    flips = mirror_labels if settings.flip else None
    real = dataset.Treatment(classic(recipe.augmentation))
    return dataset.Pairs(subjects, steps, recipe.task, flips, settings.seed, real, added)


def _fine_tuned(settings: RegistrationTraining) -> RegistrationTraining:
    """The settings of steps after the pre-training."""
    rates = {name: settings.fine_tuning * getattr(settings, name) for name in ("learning_rate", "muon_rate")}
    return settings.model_copy(update=rates)


def _validated_alike(settings: RegistrationTraining, steps: int) -> RegistrationTraining:
    """The settings of so many steps in all, validated after as many real ones in every arm.

    More validations would be more weights to choose from.
    """
    return settings.model_copy(update={"validate_every": round(settings.validate_every * steps / settings.steps)})


def train(
    name: str,
    settings: RegistrationTraining,
    recipe: Recipe,
    fold: Fold,
    structures: pd.DataFrame,
    subjects_folder: Path,
    output: Path,
    key: str,
    samples: Path | None = None,
    start: Path | None = None,
    velocities: Sequence[Path] = (),
) -> tuple[list[dict[str, float]], dict[str, str]]:
    """Train a registration network on one fold's training subjects.

    Parameters
    ----------
    name : str, the method's
    settings : RegistrationTraining, the network's
    recipe : Recipe
    fold : dict, of `split.folds`
    structures : pandas.DataFrame, as `labels.structures` gives it
    subjects_folder : Path of the preprocessed subjects
    output : Path of the weights
    key : str, resume key of all settings and of the code; it is completed with the hashes of the files that are read
    samples : Path of the synthetic subjects, or None
    start : Path of the weights that training starts from, or None
    velocities : list of Path, from the template to subjects, where known deformations are drawn from these

    Returns
    -------
    history, opened : as `training.train` gives them

    Raises
    ------
    InputError
        If there are too few subjects to pair, or a file cannot be read.
    """
    task = recipe.task
    limit = recipe.synthetic.subjects if recipe.synthetic else None
    subjects = Subjects(subjects_folder, sorted({task.fixed, task.moving}), samples, limit)
    files = velocities if recipe.draws_known else []
    variation, read = read_variation(files, fold["train"], recipe.known.components)
    training_set = _training_set(settings, recipe, fold["train"], structures, subjects, variation)
    held_out = [dataset.Step(pair["moving"], pair["fixed"], k) for k, pair in enumerate(fold["validation_pairs"])]
    validation = dataset.Pairs(subjects, held_out, task)
    # here, so that the loaders' processes begin with all hashes
    inputs = read | training_set.opened(training_set.steps) | validation.opened(held_out)
    torch.manual_seed(settings.seed)
    model = networks.build(settings)
    if start:
        load_weights(model, start)
        inputs[str(start)] = io.sha256(start)
        settings = _fine_tuned(settings)
    count = int((structures["name"] != labels.REST).sum())
    loss_of, score_of = loss_function(settings, count), score_function(count)
    settings = settings if recipe.pretraining else _validated_alike(settings, len(training_set))
    title, key = f"{name} fold {fold['fold']}", resume_key(key, inputs)
    history, opened = training.train(title, model, training_set, validation, loss_of, score_of, settings, output, key)
    return history, opened | read


def _refiner(
    model: torch.nn.Module, refinement: Refinement, device: torch.device
) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
    """A function (velocity, fixed, moving) that gives the refined displacement, all on the CPU."""
    if not isinstance(model, VelocityNetwork):
        raise InputError(f"refinement: expected a network of a velocity, found {type(model).__name__}")

    def refined(velocity: torch.Tensor, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        velocity, fixed, moving = (each.to(device) for each in (velocity, fixed, moving))
        return model.displacement(refine(velocity, model.displacement, fixed, moving, refinement)).cpu()

    return refined


def _velocity_of(model: VelocityNetwork, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
    return model.velocity(fixed, moving)


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
    network = trained(model, weights, settings, _velocity_of if refinement else None)

    def register(fixed_path: Path, moving_path: Path, output: Path) -> None:
        fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
        io.require_same_grid(fixed, fixed_path, moving, moving_path)
        tensors = [torch.from_numpy(np.asarray(image.dataobj))[None, None] for image in (fixed, moving)]
        found = network(*tensors)
        if refined:
            found = refined(found, tensors[0], tensors[1])
        transform_file.write_transform(output, found[0].numpy(), fixed.affine)

    return register
