"""Training DAGAN on one fold's training subjects."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional

from ganreg.learn.devices import autocast, choose_device, choose_precision, place
from ganreg.learn.session import Session, Stateful
from ganreg.resume import resume_key
from ganreg.split.folds import Fold
from ganreg.synthesize.dagan_augmentation import SubjectAugmentation
from ganreg.synthesize.dagan_data import Slices, middle_slices, opened
from ganreg.synthesize.dagan_networks import Discriminator, Generator, sampled_lines, undersample
from ganreg.synthesize.settings import DaganTraining
from ganreg.volumes.subjects import Subjects

ADAM_BETAS = (0.5, 0.999)


def restoration_loss(restored: torch.Tensor, slices: torch.Tensor, pixel: float, frequency: float) -> torch.Tensor:
    """Pixel and frequency terms of the generator's loss.

    Parameters
    ----------
    restored, slices : Tensor (B, 1, X, Y)
    pixel, frequency : float, weights of the terms

    Returns
    -------
    Tensor: mean squared difference of the slices and of the magnitudes of their orthonormal Fourier transforms,
    weighted
    """
    spectra = (torch.fft.fft2(images, norm="ortho").abs() for images in (restored, slices))
    return pixel * functional.mse_loss(restored, slices) + frequency * functional.mse_loss(*spectra)


def _adversarial_loss(logits: torch.Tensor, real: bool) -> torch.Tensor:
    """Cross-entropy of the discriminator's logits, if all of them should say real, or should not."""
    return functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits.float(), float(real)))


class Adversaries:
    """Generator, discriminator and their optimizers: what a training step changes.

    Parameters
    ----------
    settings : DaganTraining
    size : int, lines of k-space: the grid's second axis
    device : torch.device

    Attributes
    ----------
    parts : dict of networks and optimizers by name
    """

    def __init__(self, settings: DaganTraining, size: int, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.precision = choose_precision(settings.precision, device)
        self.generator = Generator(settings.features, sampled_lines(size, settings.sampling, settings.seed))
        self.discriminator = Discriminator(settings.discriminator)
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers = {
            name: torch.optim.Adam(place(network, device).parameters(), lr=settings.learning_rate, betas=ADAM_BETAS)
            for name, network in networks.items()
        }
        self.parts: dict[str, Stateful] = {
            **networks,
            **{f"{name}_optimizer": each for name, each in self.optimizers.items()},
        }

    def step(self, slices: torch.Tensor, rate: float) -> dict[str, float]:
        """One step of the discriminator, then one of the generator, at a learning rate; gives their losses.

        Parameters
        ----------
        slices : Tensor (B, 1, X, Y)
        rate : float
        """
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["lr"] = rate
        damaged = undersample(slices, self.generator.lines)
        with autocast(self.device, self.precision):
            restored = self.generator(damaged)
            on_real, on_restored = self.discriminator(slices), self.discriminator(restored.detach())
            told_apart = _adversarial_loss(on_real, real=True) + _adversarial_loss(on_restored, real=False)
        self.optimizers["discriminator"].zero_grad(set_to_none=True)
        told_apart.backward()
        self.optimizers["discriminator"].step()

        self.discriminator.requires_grad_(False)
        with autocast(self.device, self.precision):
            adversarial = _adversarial_loss(self.discriminator(restored), real=True)
        restoration = restoration_loss(restored, slices, self.settings.pixel, self.settings.frequency)
        self.optimizers["generator"].zero_grad(set_to_none=True)
        (restoration + self.settings.adversarial * adversarial).backward()
        self.optimizers["generator"].step()
        self.discriminator.requires_grad_(True)
        losses = {"discriminator": told_apart, "adversarial": adversarial, "restoration": restoration}
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def errors(self, slices: torch.Tensor) -> dict[str, float]:
        """Mean squared errors of zero-filled slices and of restored ones, from slices (B, 1, X, Y)."""
        damaged = undersample(slices, self.generator.lines)
        with torch.no_grad(), autocast(self.device, self.precision):
            restored = self.generator(damaged)
        found = {"zero_filled_mse": damaged, "restored_mse": restored}
        return {name: float(functional.mse_loss(images, slices)) for name, images in found.items()}


def train(
    name: str,
    settings: DaganTraining,
    fold: Fold,
    mirror_labels: np.ndarray | None,
    modalities: Sequence[str],
    subjects_folder: Path,
    output: Path,
    code: str,
) -> tuple[list[dict[str, float]], dict[str, str]]:
    """Train a DAGAN on one fold's training subjects.

    Generator and discriminator take a step each; the learning rate halves after every quarter of the steps.

    Parameters
    ----------
    name : str, shown in progress and errors
    settings : DaganTraining
    fold : dict, of `split.folds`
    mirror_labels : uint8 array (K + 1,), or None, as `labels.mirror_labels` gives it
    modalities : list of str
    subjects_folder : Path of the preprocessed subjects
    output : Path of the generator's weights; a checkpoint lies beside it until they stand
    code : str, fingerprint of the code

    Returns
    -------
    history : list of dict
        A line every `log_every` steps: step, seconds; discriminator, adversarial, restoration: mean losses since the
        line before; zero_filled_mse, restored_mse: over the middle slices of the training subjects, not augmented.
    opened : dict, path -> SHA-256 of every file that the data loader opened

    Raises
    ------
    InputError
        If a loss is not finite: step and subject are named.
    """
    subjects, names = Subjects(subjects_folder, modalities), fold["train"]
    inputs = opened(subjects, *names)
    device = choose_device(settings.device)
    monitored = middle_slices(subjects, names).to(device)
    torch.manual_seed(settings.seed)
    networks = Adversaries(settings, monitored.shape[3], device)
    # the outline is its own mirror image: what is flipped keeps its number
    outline = None if mirror_labels is None else np.array([0, 1], dtype=np.uint8)
    augmentation = SubjectAugmentation(settings.augmentation, settings.seed, outline)
    samples = Slices(subjects, names, augmentation, settings.steps, settings.batch, settings.seed)
    key = resume_key(settings, modalities, code, inputs)
    session = Session(name, settings, samples, output, key, networks.parts)
    session.opened.update(inputs)
    for batch in session.batches():
        rate = settings.learning_rate * 0.5 ** (4 * session.step // settings.steps)
        session.advance(networks.step(batch["slices"], rate), batch["name"])
        if session.due(settings.log_every):
            session.log(None, **networks.errors(monitored))
    session.finish(networks.generator.state_dict())
    return session.history, session.opened
