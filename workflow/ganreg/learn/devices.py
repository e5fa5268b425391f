"""Where and how a network computes: device, precision, memory layout."""

from typing import Any, TypeVar

import torch

from ganreg.errors import InputError
from ganreg.learn.gpus import own_gpu
from ganreg.settings import Device, Precision

Model = TypeVar("Model", bound=torch.nn.Module)


def choose_device(name: Device) -> torch.device:
    """The torch device of a setting: auto takes a GPU where there is one, one of its own where there are several.

    Raises
    ------
    InputError
        If `cuda` is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device: expected a CUDA device, found none (device: auto falls back on the CPU)")
    return torch.device("cuda", own_gpu()) if available and name != "cpu" else torch.device("cpu")


def choose_precision(name: Precision, device: torch.device) -> torch.dtype | None:
    """The autocast type of a setting, None for float32; auto takes bfloat16 on GPUs that compute it fast.

    On a CPU these networks, narrow as they are, take longer in bfloat16, and results would depend on the CPU's kind.
    """
    if name == "float32":
        return None
    if name == "bfloat16":
        return torch.bfloat16
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if fast else None


def autocast(device: torch.device, precision: torch.dtype | None) -> torch.autocast:
    """Context in which a network computes, `precision` as `choose_precision` gives it."""
    return torch.autocast(device.type, dtype=precision or torch.bfloat16, enabled=precision is not None)


def place(model: Model, device: torch.device) -> Model:
    """The model on a device, in the memory layout that its convolutions are fast in.

    Channels last, unless the model's class has a `memory_format` of its own.
    """
    layout = getattr(model, "memory_format", torch.channels_last_3d)
    # torch's hints do not know the keyword
    return model.to(device, memory_format=layout)  # type: ignore[call-overload]


def to_device(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """A batch, its tensors on a device."""
    return {
        key: value.to(device, non_blocking=True) if torch.is_tensor(value) else value for key, value in batch.items()
    }
