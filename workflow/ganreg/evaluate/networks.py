"""What networks cost and how they generalize: evaluations, parameters, Dice of training and of test pairs."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ganreg.evaluate.network_tables import VARIED
from ganreg.learn.inference import trained
from ganreg.register import dataset, networks
from ganreg.register.learned import score_function
from ganreg.register.settings import RegistrationTraining, Unrolled
from ganreg.split.folds import Fold, task_pairs
from ganreg.split.settings import Task
from ganreg.volumes import labels
from ganreg.volumes.subjects import Subjects


def variants(settings: RegistrationTraining) -> list[RegistrationTraining]:
    """A network's settings, and those of the same weights in fewer passes, one direction, or without a mirror image."""
    if not isinstance(settings, Unrolled):
        return [settings]
    combinations = itertools.product(
        range(settings.passes, 0, -1),
        sorted({settings.symmetric, False})[::-1],
        sorted({settings.mirrored, False})[::-1],
    )
    return [settings.model_copy(update=dict(zip(VARIED, each, strict=True))) for each in combinations]


def measure(
    method: str,
    weights: Path,
    settings: RegistrationTraining,
    fold: Fold,
    task: Task,
    structures: pd.DataFrame,
    subjects_folder: Path,
) -> list[dict[str, Any]]:
    """Mean Dice of a fold's training and test pairs on the working grid, without a network and with it.

    Parameters
    ----------
    method : str
    weights : Path
    settings : RegistrationTraining, the network's
    fold : dict, of `split.folds`
    task : Task
        Training subjects are paired as test subjects are, each once fixed and once moving.
    structures : pandas.DataFrame, as `labels.structures` gives it
    subjects_folder : Path of the preprocessed subjects

    Returns
    -------
    list of dict
        A line for each variant of `variants`: fold, method, parameters, evaluations, gradients, passes, symmetric,
        mirrored (empty where a network has none), training_start, training_dice (the first variant's), test_start,
        test_dice.
    """
    once = task.model_copy(update={"pairs_per_subject": 1})
    training = task_pairs(np.random.default_rng(settings.seed), sorted(fold["train"]), once)
    subjects = Subjects(subjects_folder, sorted({task.fixed, task.moving}))
    score_of = score_function(int((structures["name"] != labels.REST).sum()))

    def mean_dice(pairs: Sequence[dict[str, str]], given: RegistrationTraining | None) -> float:
        steps = [dataset.Step(pair["moving"], pair["fixed"], number) for number, pair in enumerate(pairs)]
        batches = dataset.Pairs(subjects, steps, task)
        network = trained(networks.build(given), weights, given) if given else None
        scores = []
        for number in range(len(batches)):
            batch = batches.finish(batches[number])
            fixed, moving = batch["fixed"], batch["moving"]
            found = network(fixed, moving) if network else torch.zeros(1, 3, *fixed.shape[2:])
            scores.append(score_of(batch, found))
        return float(np.mean(scores))

    starts = {"training_start": mean_dice(training, None), "test_start": mean_dice(fold["pairs"], None)}
    lines: list[dict[str, Any]] = []
    for variant in variants(settings):
        model = networks.build(variant)
        line = {"fold": fold["fold"], "method": method, "parameters": sum(each.numel() for each in model.parameters())}
        line |= {"evaluations": variant.evaluations, "gradients": variant.gradients}
        line |= {name: getattr(variant, name, None) for name in VARIED}
        line |= starts | {"training_dice": np.nan if lines else mean_dice(training, variant)}
        lines.append({**line, "test_dice": mean_dice(fold["pairs"], variant)})
    return lines
