"""Training an RDNN on a part of a fold's subjects."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ganreg.learn import training
from ganreg.resume import resume_key
from ganreg.segment import prior, rdnn, samples
from ganreg.segment.crossfit import parts
from ganreg.segment.losses import class_weights, loss_function
from ganreg.segment.segmenting import likeliest
from ganreg.segment.settings import RdnnPart
from ganreg.split.folds import Fold
from ganreg.volumes import overlap
from ganreg.volumes.labels import mirror_labels
from ganreg.volumes.subjects import Subjects


def score_of(batch: dict[str, Any], logits: torch.Tensor) -> float:
    """Mean Dice over the structures on the working grid; the rest of the brain, the last one, is left out."""
    wanted = batch["labels"][0, 0].cpu().numpy()
    found = likeliest(logits[0].cpu(), batch["labels"][0, 0].cpu() > 0).numpy()
    return float(np.nanmean(overlap.dice(wanted, found, logits.shape[1])[:-1]))


def train(
    name: str, options: RdnnPart, fold: Fold, structures: pd.DataFrame, subjects_folder: Path, output: Path, code: str
) -> tuple[list[dict[str, float]], dict[str, str]]:
    """Train an RDNN on a part of one fold's subjects; validation subjects choose its weights, even their own network's.

    Parameters
    ----------
    name : str, shown in progress and errors
    options : RdnnPart
    fold : dict, of `split.folds`
    structures : pandas.DataFrame, as `labels.structures` gives it
    subjects_folder : Path of the preprocessed subjects
    output : Path of the weights
    code : str, fingerprint of the code

    Returns
    -------
    history, opened : as `learn.training.train` gives them
    """
    subjects, names = Subjects(subjects_folder, options.modalities), parts(fold)[options.part]
    # as many rounds for a part as for all
    steps = max(1, round(options.settings.steps * len(names) / len(fold["train"])))
    settings = options.settings.model_copy(update={"steps": steps})
    count, spacing, mirrored = len(structures), options.grid.spacing, mirror_labels(structures)
    torch.manual_seed(settings.seed)
    model = rdnn.build(options, count)

    def labels_of(subject: str) -> torch.Tensor:
        return subjects.read(subject, ["dseg"])["dseg"][0]

    of_training = of_validation = None
    if settings.prior:
        counted = mirrored if settings.flip else None
        everyone, of_training = prior.log_frequencies(labels_of, names, count, spacing, counted)
        model.prior, of_validation = everyone, dict.fromkeys(fold["validation"], everyone)
    training_slices = samples.Slices(subjects, names, spacing, settings, mirrored, of_training)
    validation = samples.Slices(subjects, fold["validation"], spacing, priors=of_validation)
    counted_labels = (torch.bincount(labels_of(subject).flatten(), minlength=count + 1)[1:] for subject in names)
    counts = sum(counted_labels, start=torch.tensor(0))
    key = resume_key(options, code, subjects.opened(*names, *fold["validation"]))
    loss_of = loss_function(settings.dice, class_weights(settings.class_weights, counts.numpy()))
    history, opened = training.train(
        f"{name} fold {fold['fold']}", model, training_slices, validation, loss_of, score_of, settings, output, key
    )
    # all of them are in the prior and in the class weights, however few the loader drew
    return history, opened | subjects.opened(*names)
