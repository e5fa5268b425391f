"""The training loop that every network shares: device, precision, checkpoint and resume, progress, history."""

import math
import pickle
import time
from io import BytesIO
from pathlib import Path

import torch

from ganreg import io
from ganreg.errors import InputError
from ganreg.muon import Muon
from ganreg.progress import Progress

# one pair a step: now and then a gradient is far off
GRADIENT_NORM = 1.0
# what torch.load raises at a file that is cut short or no file of torch's
UNREADABLE = (RuntimeError, OSError, KeyError, EOFError, pickle.UnpicklingError)


def choose_device(name):
    """The torch device of a configuration value: auto takes a GPU where there is one.

    Raises
    ------
    InputError
        If `cuda` is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device: expected a CUDA device, found none (device: auto falls back on the CPU)")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def choose_precision(name, device):
    """The autocast type of a configuration value, None for float32; auto takes bfloat16 where it is computed fast."""
    if name == "float32":
        return None
    if name == "bfloat16":
        return torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else None


def autocast(device, precision):
    """Context in which a network computes, `precision` as `choose_precision` gives it."""
    return torch.autocast(device.type, dtype=precision or torch.bfloat16, enabled=precision is not None)


def _save(path, content):
    """Write an object of torch's whole or not at all."""
    # torch's own writing hides that a disk is full
    buffer = BytesIO()
    torch.save(content, buffer)
    with io.atomic(path) as beside:
        beside.write_bytes(buffer.getbuffer())


class Checkpoint:
    """Unfinished training in a file beside its output, with the random state that it takes to go on exactly.

    Parameters
    ----------
    output : Path of what the training will leave
    mark : str
        Fingerprint of options, code and inputs; a checkpoint with another one is set aside.
    name : str, shown when training goes on
    """

    def __init__(self, output, mark, name):
        self.path = Path(output).with_name(f".{Path(output).name}.checkpoint")
        self.mark, self.name = mark, name

    def load(self):
        """What was saved, on the CPU, with the random state restored; None where there is nothing to go on from.

        A file that cannot be read, as a power cut leaves it, is set aside as another configuration's is.
        """
        if not self.path.is_file():
            return None
        saved, wrong = None, "is of another configuration, code or input"
        try:
            # weights_only: a checkpoint is data, it never runs code
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
        except UNREADABLE:
            wrong = "cannot be read"
        if saved is None or saved["mark"] != self.mark:
            self.path.replace(self.path.with_suffix(".stale"))
            print(f"{self.name}: {self.path} {wrong}: set aside", flush=True)
            return None
        torch.set_rng_state(saved["random"])
        # the machine that goes on may have fewer GPUs
        torch.cuda.set_rng_state_all(saved["cuda_random"][: torch.cuda.device_count()])
        print(f"{self.name}: goes on from {self.path}", flush=True)
        return saved["content"]

    def save(self, content):
        """Save a dict of tensors, state dicts and plain values."""
        random = {"random": torch.get_rng_state(), "cuda_random": torch.cuda.get_rng_state_all()}
        _save(self.path, {"mark": self.mark, "content": content, **random})

    def remove(self):
        """Remove the file: the output stands."""
        self.path.unlink(missing_ok=True)


def save_weights(path, weights):
    """Write a state dict whole or not at all, on the CPU, in the default memory layout."""
    _save(path, {key: value.cpu().contiguous() for key, value in weights.items()})


def place(model, device):
    """The model on a device, in the memory layout that its convolutions are fast in.

    Channels last, unless the model's class has a `memory_format` of its own.
    """
    return model.to(device, memory_format=getattr(model, "memory_format", torch.channels_last_3d))


def batches(dataset, options, device, start=0):
    """The items of a dataset from number `start` on, as the data loader of the options `workers` gives them."""
    return torch.utils.data.DataLoader(
        torch.utils.data.Subset(dataset, range(start, len(dataset))),
        batch_size=None,
        num_workers=options["workers"],
        pin_memory=device.type == "cuda",
        # one of its own: starting a loader must not move the one that dropout and latent vectors are drawn from, or
        # resuming would show
        generator=torch.Generator(),
    )


def trained(model, weights, options, call=None):
    """A trained network as a function of tensors, without gradients.

    Parameters
    ----------
    model : torch.nn.Module
    weights : Path, as `save_weights` leaves it
    options : dict
        `device` and `precision`.
    call : function (model, *tensors) -> Tensor, or None
        What is called in the place of the model.

    Returns
    -------
    function (*tensors) -> float32 Tensor on the CPU

    Raises
    ------
    InputError
        If the weights cannot be read, or do not fit the network.
    """
    device = choose_device(options["device"])
    precision = choose_precision(options["precision"], device)
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{weights}: expected weights of the configured network, found otherwise: {reason}") from None
    place(model, device).eval()

    def apply(*tensors):
        # not inference_mode: the registration U-Net takes a gradient on its way
        with torch.no_grad(), autocast(device, precision):
            return (call or type(model).__call__)(model, *(each.to(device) for each in tensors)).float().cpu()

    return apply


def to_device(batch, device):
    """A batch, its tensors on a device."""
    return {
        key: value.to(device, non_blocking=True) if torch.is_tensor(value) else value for key, value in batch.items()
    }


def optimisers(model, options):
    """What changes a network's parameters: Adam, and Muon for its convolutions where `muon_rate` is not 0.

    Parameters
    ----------
    model : torch.nn.Module
        Its `output_layers` names the attributes whose convolutions are left to Adam.
    options : dict
        `learning_rate`, of Adam; `muon_rate`.

    Returns
    -------
    list of torch.optim.Optimizer
    """
    if not options["muon_rate"]:
        return [torch.optim.Adam(model.parameters(), lr=options["learning_rate"])]
    by_muon, by_adam = [], []
    for name, parameter in model.named_parameters():
        convolves = parameter.ndim > 2 and name.split(".")[0] not in model.output_layers
        (by_muon if convolves else by_adam).append(parameter)
    return [torch.optim.Adam(by_adam, lr=options["learning_rate"]), Muon(by_muon, lr=options["muon_rate"])]


def _share(step, steps):
    """Share of the configured rates: half a cosine to zero, after a linear warm-up over the first twentieth."""
    warm_up = max(1, steps // 20)
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _validate(model, batches, loss_of, score_of, device):
    """Mean loss and mean score over the validation pairs."""
    model.eval()
    with torch.no_grad():
        results = []
        for batch in batches:
            batch = to_device(batch, device)
            loss, displacement = loss_of(model, batch)
            results.append((float(loss), score_of(batch, displacement)))
    model.train()
    return tuple(sum(column) / len(results) for column in zip(*results, strict=True))


def train(name, model, samples, validation, loss_of, score_of, options, output, mark):
    """Train a network and leave its best weights and its history.

    Parameters
    ----------
    name : str, shown in progress and errors
    model : torch.nn.Module
    samples : torch.utils.data.Dataset
        Item k is the batch of step k, a dict of tensors and of `opened`, {path: SHA-256} of the files it came from.
    validation : Dataset of the same kind, the validation batches
    loss_of : function (model, batch) -> (loss, displacement)
    score_of : function (batch, displacement) -> float, higher is better; it chooses the weights
    options : dict
        `steps`, `learning_rate`, `muon_rate`, `validate_every`, `seed`, `device`, `precision`, `workers`.
    output : Path of the weights; a checkpoint lies beside it until they stand
    mark : str, as `Checkpoint` wants it

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
    device = choose_device(options["device"])
    precision = choose_precision(options["precision"], device)
    torch.manual_seed(options["seed"])
    place(model, device)
    chosen = optimisers(model, options)
    rates = [optimiser.defaults["lr"] for optimiser in chosen]
    state = {"step": 0, "history": [], "opened": {}, "best": None, "best_score": -math.inf, "seconds": 0.0}

    checkpoint = Checkpoint(output, mark, name)
    if saved := checkpoint.load():
        model.load_state_dict(saved["model"])
        for optimiser, past in zip(chosen, saved["optimisers"], strict=True):
            optimiser.load_state_dict(past)
        state = saved["state"]

    def autocast_loss(network, batch):
        with autocast(device, precision):
            return loss_of(network, batch)

    held_out = batches(validation, options, device)
    progress = Progress(name, options["steps"], state["step"])
    began, losses = time.monotonic() - state["seconds"], []
    model.train()
    for step, batch in enumerate(batches(samples, options, device, state["step"]), start=state["step"]):
        state["opened"].update(batch["opened"])
        batch = to_device(batch, device)
        model.zero_grad(set_to_none=True)
        loss, _ = autocast_loss(model, batch)
        if not torch.isfinite(loss):
            raise InputError(f"{name}: expected a finite loss, found {loss.item()} at step {step + 1}, {batch['name']}")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        for optimiser, rate in zip(chosen, rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * _share(step, options["steps"])
            optimiser.step()
        losses.append(float(loss.detach()))
        progress.step(loss=losses[-1], best_dice=max(state["best_score"], 0))

        if (step + 1) % options["validate_every"] == 0 or step + 1 == options["steps"]:
            validation_loss, score = _validate(model, held_out, autocast_loss, score_of, device)
            state["step"], state["seconds"] = step + 1, time.monotonic() - began
            line = {"step": step + 1, "seconds": round(state["seconds"], 2), "loss": sum(losses) / len(losses)}
            state["history"].append({**line, "validation_loss": validation_loss, "validation_dice": score})
            losses = []
            if score > state["best_score"]:
                state["best_score"] = score
                state["best"] = {key: value.detach().clone() for key, value in model.state_dict().items()}
            past = [optimiser.state_dict() for optimiser in chosen]
            checkpoint.save({"model": model.state_dict(), "optimisers": past, "state": state})
    progress.close()

    for batch in validation:
        state["opened"].update(batch["opened"])
    save_weights(output, state["best"])
    checkpoint.remove()
    return state["history"], state["opened"]


def still_falling(history, tolerance=0.01):
    """Whether the validation loss still fell by more than `tolerance` over the second half of the training.

    The learning rate ends at zero, so that the last steps are flat whatever is left to learn.
    """
    losses = [line["validation_loss"] for line in history]
    if len(losses) < 3:
        return True
    halfway = losses[len(losses) // 2 - 1]
    return halfway - min(losses[len(losses) // 2 :]) > tolerance * abs(halfway)
