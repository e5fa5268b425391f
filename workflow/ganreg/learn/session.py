"""What all training loops share: they go on where they were, check their losses, and leave weights and a history."""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Subset

from ganreg import io
from ganreg.errors import InputError
from ganreg.learn.base import Batch, BatchDataset
from ganreg.learn.checkpoint import Checkpoint, save_weights
from ganreg.learn.devices import choose_device, to_device
from ganreg.progress import Progress
from ganreg.settings import Trained


class Stateful(Protocol):
    """A network or an optimizer: something whose state a checkpoint holds."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


def batches(dataset: BatchDataset, settings: Trained, device: torch.device, start: int = 0) -> DataLoader[Batch]:
    """The items of a dataset from number `start` on, read by as many processes as `settings.workers` says."""
    return DataLoader(
        Subset(dataset, range(start, len(dataset))),
        batch_size=None,
        num_workers=settings.workers,
        pin_memory=device.type == "cuda",
        # one of its own: starting a loader must not move the one that dropout and latent vectors are drawn from, or
        # resuming would show
        generator=torch.Generator(),
    )


class Session:
    """A training that is under way: begun anew, or where its checkpoint was left.

    Create it when networks and optimizers stand and the random generator is seeded. For each batch of `batches` take a
    step and call `advance`; now and then call `log`, which saves the checkpoint, too; at the end call `finish`.

    Parameters
    ----------
    name : str, shown in progress and errors
    settings : Trained
        Its `device` and `workers` count.
    samples : BatchDataset
        Item k is the batch of step k.
    output : Path of the weights; the checkpoint lies beside it until they stand
    key : str, the resume key
    parts : dict of networks and optimizers by name, whose states the checkpoint holds
    state : dict, or None
        What else the loop goes on from: tensors and plain values.

    Attributes
    ----------
    step : int, steps that are done
    state : dict, as given, or as it was when the checkpoint was saved
    history : list of dict, the lines of `log`
    opened : dict, path -> SHA-256 of every file that the data loader opened
    """

    def __init__(
        self,
        name: str,
        settings: Trained,
        samples: BatchDataset,
        output: Path,
        key: str,
        parts: Mapping[str, Stateful],
        state: dict[str, Any] | None = None,
    ) -> None:
        self.name, self.settings, self.samples, self.output, self.parts = name, settings, samples, output, parts
        self.steps = len(samples)
        self.step, self.state, seconds = 0, state or {}, 0.0
        self.history: list[dict[str, Any]] = []
        self.opened: dict[str, str] = {}
        self._losses: list[dict[str, float]] = []
        self._checkpoint = Checkpoint(output, key, name)
        if saved := self._checkpoint.load():
            for part_name, part in parts.items():
                part.load_state_dict(saved["parts"][part_name])
            self.step, self.state, seconds = saved["step"], saved["state"], saved["seconds"]
            self.history, self.opened = saved["history"], saved["opened"]
        self._progress = Progress(name, self.steps, self.step)
        self._began = time.monotonic() - seconds

    def batches(self) -> Iterator[Batch]:
        """The batches that are left, as the network is given them."""
        device = choose_device(self.settings.device)
        return self.finished(self.samples, batches(self.samples, self.settings, device, self.step), device)

    def finished(self, dataset: BatchDataset, items: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
        """Items of a dataset, as a loader hands them over, finished on the device; what they opened is noted."""
        for item in items:
            self.opened.update(item["opened"])
            yield dataset.finish(to_device(item, device))

    def advance(self, losses: dict[str, float], trained_on: str, **shown: float) -> None:
        """Count a step that is done.

        Parameters
        ----------
        losses : dict of float by name, the step's losses
        trained_on : str, the batch's `name`
        shown : what else the progress shows

        Raises
        ------
        InputError
            If a loss is not finite: step and `trained_on` are named.
        """
        self.step += 1
        if not all(map(math.isfinite, losses.values())):
            found = ", ".join(f"{name} {loss:g}" for name, loss in losses.items())
            raise InputError(f"{self.name}: expected finite losses, found {found} at step {self.step}, {trained_on}")
        self._losses.append(losses)
        self._progress.step(**shown, **losses)

    def due(self, every: int) -> bool:
        """Whether the step that was just counted is one of every `every`, or the last one."""
        return self.step % every == 0 or self.step == self.steps

    def log(self, place: Mapping[str, float] | None = None, **measured: float) -> None:
        """Write a line of the history, and save the checkpoint.

        The line has the step; `place`, what else says how far the training is; the seconds since it began; the means of
        the losses since the line before; and what was `measured`.
        """
        seconds = time.monotonic() - self._began
        means = {name: sum(each[name] for each in self._losses) / len(self._losses) for name in self._losses[0]}
        line = {"step": self.step, **(place or {}), "seconds": round(seconds, 2), **means, **measured}
        self.history.append(line)
        self._losses = []
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        content = {"parts": parts, "step": self.step, "state": self.state, "seconds": seconds}
        self._checkpoint.save({**content, "history": self.history, "opened": self.opened})

    def finish(self, weights: dict[str, torch.Tensor]) -> None:
        """Save the weights that the training was for, and remove the checkpoint."""
        self._progress.close()
        save_weights(self.output, weights)
        self._checkpoint.remove()


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """Write a history as JSON lines, whole or not at all."""
    io.write_text(path, "".join(json.dumps(line) + "\n" for line in history))
