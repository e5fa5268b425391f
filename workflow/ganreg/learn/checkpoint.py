"""Files of a training: its weights, and the checkpoint that an interrupted one goes on from."""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from ganreg import io

# what torch.load raises at a file that is cut short or no file of torch's
UNREADABLE = (RuntimeError, OSError, KeyError, EOFError, pickle.UnpicklingError)


def _save(path: Path, content: object) -> None:
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
    key : str
        The resume key; a checkpoint with another one is set aside.
    name : str, shown when training goes on
    """

    def __init__(self, output: Path, key: str, name: str) -> None:
        self.path = Path(output).with_name(f".{Path(output).name}.checkpoint")
        self.key, self.name = key, name

    def load(self) -> dict[str, Any] | None:
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
        if saved is None or saved.get("key") != self.key:
            self.path.replace(self.path.with_suffix(".stale"))
            print(f"{self.name}: {self.path} {wrong}: set aside", flush=True)
            return None
        torch.set_rng_state(saved["random"])
        # the machine that goes on may have fewer GPUs
        torch.cuda.set_rng_state_all(saved["cuda_random"][: torch.cuda.device_count()])
        print(f"{self.name}: goes on from {self.path}", flush=True)
        return saved["content"]

    def save(self, content: dict[str, Any]) -> None:
        """Save a dict of tensors, state dicts and plain values."""
        random = {"random": torch.get_rng_state(), "cuda_random": torch.cuda.get_rng_state_all()}
        _save(self.path, {"key": self.key, "content": content, **random})

    def remove(self) -> None:
        """Remove the file: the output stands."""
        self.path.unlink(missing_ok=True)


def save_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write a state dict whole or not at all, on the CPU, in the default memory layout."""
    _save(path, {key: value.cpu().contiguous() for key, value in weights.items()})
