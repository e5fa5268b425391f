"""Trained networks as plain functions of tensors."""

from collections.abc import Callable
from pathlib import Path

import torch

from ganreg.errors import InputError
from ganreg.learn.checkpoint import UNREADABLE
from ganreg.learn.devices import autocast, choose_device, choose_precision, place
from ganreg.settings import Trained


def load_weights(model: torch.nn.Module, weights: Path) -> None:
    """Give a network its trained weights.

    Parameters
    ----------
    model : torch.nn.Module
    weights : Path, as `checkpoint.save_weights` leaves it

    Raises
    ------
    InputError
        If the weights cannot be read, or do not fit the network.
    """
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{weights}: expected weights of the configured network, found otherwise: {reason}") from None


def trained(
    model: torch.nn.Module, weights: Path, settings: Trained, call: Callable[..., torch.Tensor] | None = None
) -> Callable[..., torch.Tensor]:
    """A trained network as a function of tensors, without gradients.

    Parameters
    ----------
    model : torch.nn.Module
    weights : Path, as `checkpoint.save_weights` leaves it
    settings : Trained
        Its `device` and `precision` count.
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
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    load_weights(model, weights)
    place(model, device).eval()
    evaluate = call or type(model).__call__

    def apply(*tensors: torch.Tensor) -> torch.Tensor:
        # not inference_mode: the registration U-Net computes a gradient inside
        with torch.no_grad(), autocast(device, precision):
            return evaluate(model, *(each.to(device) for each in tensors)).float().cpu()

    return apply
