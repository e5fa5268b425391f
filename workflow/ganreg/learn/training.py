"""Training of a network that is told what is right, with its weights chosen on validation subjects."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import torch

from ganreg.learn.base import Batch, BatchDataset, Network
from ganreg.learn.devices import autocast, choose_device, choose_precision, place
from ganreg.learn.muon import Muon
from ganreg.learn.session import Session, Stateful, batches
from ganreg.learn.settings import Supervised

# (model, batch) -> (loss, what the model found)
LossOf = Callable[[torch.nn.Module, Batch], tuple[torch.Tensor, torch.Tensor]]
# (batch, what the model found) -> score
ScoreOf = Callable[[Batch, torch.Tensor], float]


def optimizers(model: Network, settings: Supervised) -> list[torch.optim.Optimizer]:
    """What changes a network's parameters: Adam, and Muon for its convolutions where `muon_rate` is not 0.

    Parameters
    ----------
    model : Network
    settings : Supervised
    """
    if not settings.muon_rate:
        return [torch.optim.Adam(model.parameters(), lr=settings.learning_rate)]
    by_muon: list[torch.nn.Parameter] = []
    by_adam: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        convolves = parameter.ndim > 2 and name.split(".")[0] not in model.output_layers
        (by_muon if convolves else by_adam).append(parameter)
    return [torch.optim.Adam(by_adam, lr=settings.learning_rate), Muon(by_muon, lr=settings.muon_rate)]


def _share(step: int, steps: int, schedule: Literal["cosine", "constant"]) -> float:
    """Share of the configured rates: all, or half a cosine to zero, after a linear warm-up over the first twentieth."""
    if schedule == "constant":
        return 1.0
    warm_up = max(1, steps // 20)
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _in_precision(loss_of: LossOf, device: torch.device, precision: torch.dtype | None) -> LossOf:
    """The same loss, computed under autocast."""

    def autocast_loss(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        with autocast(device, precision):
            return loss_of(model, batch)

    return autocast_loss


def _validate(
    model: torch.nn.Module, held_out: Iterable[Batch], loss_of: LossOf, score_of: ScoreOf
) -> tuple[float, float]:
    """Mean loss and mean score over the validation batches."""
    model.eval()
    with torch.no_grad():
        results = []
        for batch in held_out:
            loss, found = loss_of(model, batch)
            results.append((float(loss), score_of(batch, found)))
    model.train()
    mean_loss, mean_score = (sum(column) / len(results) for column in zip(*results, strict=True))
    return mean_loss, mean_score


def _step(
    model: torch.nn.Module,
    chosen: list[torch.optim.Optimizer],
    share: float,
    clip: float,
    loss_of: LossOf,
    batch: Batch,
) -> float:
    """Take a step at a share of the configured rates, and give the loss before it."""
    model.zero_grad(set_to_none=True)
    loss, _ = loss_of(model, batch)
    loss.backward()
    if clip:
        # one pair a step: now and then a gradient is far off
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    for optimizer in chosen:
        optimizer.param_groups[0]["lr"] = optimizer.defaults["lr"] * share
        optimizer.step()
    return float(loss.detach())


def train(
    name: str,
    model: Network,
    samples: BatchDataset,
    validation: BatchDataset,
    loss_of: LossOf,
    score_of: ScoreOf,
    settings: Supervised,
    output: Path,
    key: str,
) -> tuple[list[dict[str, float]], dict[str, str]]:
    """Train a network and leave its best weights.

    Parameters
    ----------
    name : str, shown in progress and errors
    model : Network
    samples : BatchDataset, an item for each step
    validation : BatchDataset
    loss_of : function (model, batch) -> (loss, displacement or logits)
    score_of : function (batch, displacement or logits) -> float, higher is better; it chooses the weights
    settings : Supervised
    output : Path of the weights; a checkpoint lies beside it until they stand
    key : str, the resume key

    Returns
    -------
    history : list of dict
        A line per validation: step, seconds, loss (mean since the line before), validation_loss, validation_dice.
    opened : dict
        Path -> SHA-256 of every file that the data loader opened.

    Raises
    ------
    InputError
        If a loss is not finite: step and pair are named.
    """
    device = choose_device(settings.device)
    torch.manual_seed(settings.seed)
    place(model, device)
    chosen = optimizers(model, settings)
    parts: dict[str, Stateful] = {"model": model, **{type(optimizer).__name__: optimizer for optimizer in chosen}}
    session = Session(name, settings, samples, output, key, parts, {"weights": None, "score": -math.inf})
    loss_of = _in_precision(loss_of, device, choose_precision(settings.precision, device))
    held_out = batches(validation, settings, device)
    model.train()
    for batch in session.batches():
        share = _share(session.step, len(samples), settings.schedule)
        loss = _step(model, chosen, share, settings.clip, loss_of, batch)
        session.advance({"loss": loss}, batch["name"], best_dice=max(session.state["score"], 0))
        if session.due(settings.validate_every):
            finished = session.finished(validation, held_out, device)
            validation_loss, score = _validate(model, finished, loss_of, score_of)
            if score > session.state["score"]:
                weights = {key: value.detach().clone() for key, value in model.state_dict().items()}
                session.state = {"weights": weights, "score": score}
            session.log(validation_loss=validation_loss, validation_dice=score)
    session.finish(session.state["weights"])
    return session.history, session.opened


# of Dice: what less adds is as much as another seed may
FLAT = 0.005


def late_gain(history: list[dict[str, float]]) -> float:
    """What the second half of a training added to the best validation Dice; NaN where nothing was measured before.

    Where the learning rate ends at zero, the last steps are flat whatever is left to learn.
    """
    half = history[-1]["step"] / 2
    before = [line["validation_dice"] for line in history if line["step"] <= half]
    return max(line["validation_dice"] for line in history) - max(before) if before else math.nan


def under_trained(gain: float) -> bool:
    """Whether more steps would have helped, as far as a `late_gain` tells."""
    return not gain <= FLAT
