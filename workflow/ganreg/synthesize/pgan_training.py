"""Training the progressive GAN on a fold (WGAN-GP; Karras et al. 2018), and its averaged generator."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ganreg.learn.devices import autocast, choose_device, choose_precision
from ganreg.learn.session import Session, Stateful
from ganreg.synthesize import realtime, schedule
from ganreg.synthesize.pgan_condition import Condition, blended
from ganreg.synthesize.pgan_data import Batches, Conditioned
from ganreg.synthesize.pgan_layers import shrink
from ganreg.synthesize.pgan_losses import ScoreOf, draw_normal, gradient_penalty, latent_terms, weighted
from ganreg.synthesize.pgan_networks import Discriminator, Encoder, Generator
from ganreg.synthesize.settings import PganTraining
from ganreg.volumes.normalize import SHIFT

PENALTY = 10.0
DRIFT = 1e-3
LARGEST_DECAY = 0.999
BETAS = (0.0, 0.99)


def decay(steps: int) -> float:
    """Decay of the generator's moving average after so many steps of a stage: min(.999, (1 + n) / (10 + n)).

    Counted anew in each stage, as layers that have just come have no past to average.
    """
    return min(LARGEST_DECAY, (1 + steps) / (10 + steps))


@torch.no_grad()
def update_average(average: torch.nn.Module, model: torch.nn.Module, weight: float) -> None:
    """Move the averaged network's parameters towards the model's: average = weight * average + (1 - weight) * model."""
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - weight)


class Adversaries:
    """Generator, discriminator, averaged generator and the optimizers: what a training step changes.

    Parameters
    ----------
    settings : PganTraining
    shape : (X, Y, Z)
    extent_mm : list of 3 floats, size of the grid's box
    labels : int, the largest label number
    modalities : int
    device : torch.device

    Attributes
    ----------
    parts : dict of networks and optimizers by name
    """

    def __init__(
        self,
        settings: PganTraining,
        shape: Sequence[int],
        extent_mm: Sequence[float],
        labels: int,
        modalities: int,
        device: torch.device,
    ) -> None:
        self.settings, self.extent_mm, self.device = settings, extent_mm, device
        self.precision = choose_precision(settings.precision, device)
        widths = [stage.width for stage in settings.stages]
        common = (labels, settings.embedding, modalities, settings.checkpointing)
        self.generator = Generator(shape, widths, settings.latent, *common).to(device)
        self.discriminator = Discriminator(shape, widths, *common).to(device)
        self.encoder, self.labels = Encoder(settings.latent, labels, modalities).to(device), labels
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        networks = {"generator": self.generator, "discriminator": self.discriminator, "encoder": self.encoder}
        parameters = {
            "generator": [*self.generator.parameters(), *self.encoder.parameters()],
            "discriminator": [*self.discriminator.parameters()],
        }
        self.optimizers = {
            name: torch.optim.Adam(each, lr=settings.learning_rate, betas=BETAS) for name, each in parameters.items()
        }
        optimizers = {f"{name}_optimizer": each for name, each in self.optimizers.items()}
        self.parts: dict[str, Stateful] = {**networks, "average": self.average, **optimizers}

    def begin_stage(self) -> None:
        """Make the optimizers forget their past, as each stage starts without one."""
        for optimizer in self.optimizers.values():
            optimizer.state.clear()

    def step(
        self, images: torch.Tensor, labels: torch.Tensor, stage: int, alpha: float, steps_in_stage: int
    ) -> dict[str, float]:
        """One step of the discriminator and one of the generator and the encoder, on the same generated images.

        For each map one image is made from a random latent vector, and one from a vector that the encoder found in the
        real image, unless no term asks for it. The discriminator sees the first kind, under the draw of the real-time
        augmentation that real images are under, too. The real image is the target of the second kind alone.

        Parameters
        ----------
        images, labels : Tensors (B, M, X, Y, Z) and (B, 1, X, Y, Z) on the full grid
        stage, alpha : as `schedule.position` gives them
        steps_in_stage : int, steps of the stage before this one

        Returns
        -------
        dict of float: the losses and their terms
        """
        shape, own = self.generator.shapes[stage], Condition(labels)
        real = blended(shrink(images, shape), own, alpha)
        fake, loss, terms = self._generate(real, own, stage, alpha)
        transform = realtime.draw(len(real), self.extent_mm, self.settings.augmentation, self.device)
        moved = Condition(realtime.apply_to_labels(transform, labels))
        mask = moved.brain(shape)
        seen_real, seen_fake = (realtime.apply_to_images(transform, each, mask) for each in (real, fake))

        def score_of(images: torch.Tensor) -> torch.Tensor:
            with autocast(self.device, self.precision):
                return self.discriminator(images, moved, stage, alpha)

        penalized = steps_in_stage % self.settings.penalty_every == 0
        losses, uphill = self._discriminator_step(seen_real, seen_fake.detach(), score_of, penalized)
        self._generator_step(loss, seen_fake, uphill)
        update_average(self.average, self.generator, decay(steps_in_stage))
        return {**losses, **{name: term.item() for name, term in terms.items()}}

    def _generate(
        self, real: torch.Tensor, own: Condition, stage: int, alpha: float
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """Images from random vectors; the loss of all terms but the discriminator's score; and these terms."""
        z = torch.randn(len(real), self.settings.latent, device=self.device)
        noise = self.generator.draw_noise(len(real), stage, self.device)
        if not (self.settings.reconstruction or self.settings.mode_seeking):
            with autocast(self.device, self.precision):
                return self.generator(z, own, stage, alpha, noise), torch.zeros((), requires_grad=True), {}
        posterior = self.encoder(self.encoder.appearance(real, own))
        z, both = torch.cat([z, draw_normal(*posterior)]), Condition(torch.cat([own.labels, own.labels]))
        # none where the real image is the target, which would teach the generator to do without
        noise = [torch.cat([each, torch.zeros_like(each)]) for each in noise]
        with autocast(self.device, self.precision):
            images = self.generator(z, both, stage, alpha, noise)
        fake, encoded = images.chunk(2)
        of_fake, of_encoded = self.encoder.appearance(images, both).chunk(2)
        terms = latent_terms(z, posterior, (of_fake, of_encoded), own.sizes(self.labels))
        # over the brain: the background is right by construction
        voxels = own.brain(self.generator.shapes[stage]).sum() * real.shape[1]
        terms["l1"] = (encoded - real).abs().sum() / voxels
        return fake, weighted(terms, self.settings, (voxels / len(real)).sqrt()), terms

    def _discriminator_step(
        self, real: torch.Tensor, fake: torch.Tensor, score_of: ScoreOf, penalized: bool
    ) -> tuple[dict[str, float], torch.Tensor]:
        """Take a step; returns the losses, and the gradient of the scores of the fake images before it."""
        self.optimizers["discriminator"].zero_grad(set_to_none=True)
        fake.requires_grad_()
        on_real, on_fake = score_of(torch.cat([real, fake])).chunk(2)
        wasserstein = on_real.mean() - on_fake.mean()
        loss = DRIFT * on_real.square().mean() - wasserstein
        loss.backward()
        assert fake.grad is not None
        found = torch.zeros(())
        if penalized:
            share = torch.rand(len(real), 1, 1, 1, 1, device=self.device)
            found = self.settings.penalty_every * gradient_penalty(score_of, real, fake.detach(), share)
            (PENALTY * found).backward()
        self.optimizers["discriminator"].step()
        losses = {"d_loss": loss.item() + PENALTY * found.item(), "wasserstein": wasserstein.item()}
        return {**losses, "gradient_penalty": found.item()}, fake.grad

    def _generator_step(self, loss: torch.Tensor, fake: torch.Tensor, uphill: torch.Tensor) -> None:
        """Take a step down `loss`, and up the scores of the fake images, whose gradient is known already."""
        self.optimizers["generator"].zero_grad(set_to_none=True)
        # the gradient of `fake` is that of minus its scores: no second evaluation of the discriminator
        torch.autograd.backward([loss, fake], [None, -uphill])
        self.optimizers["generator"].step()

    def preview(self, z: torch.Tensor, labels: np.ndarray, stage: int) -> torch.Tensor:
        """Images (M, X, Y, Z) of the averaged generator at the end of a stage, from fixed z and map; on the CPU.

        In the units of preprocessed subjects, on the stage's grid.
        """
        condition = Condition(torch.from_numpy(labels)[None, None].to(self.device))
        with torch.no_grad(), autocast(self.device, self.precision):
            noise = self.average.draw_noise(1, stage, self.device)
            images = self.average(z.to(self.device), condition, stage, 1.0, noise)
        return (images + SHIFT * condition.brain(self.average.shapes[stage]))[0].cpu()


def train(
    name: str,
    settings: PganTraining,
    names: Sequence[str],
    data: Conditioned,
    labels: int,
    output: Path,
    key: str,
) -> tuple[list[dict[str, float]], list[torch.Tensor], dict[str, str]]:
    """Train the progressive GAN and leave its averaged generator.

    Parameters
    ----------
    name : str, shown in progress and errors
    settings : PganTraining
    names : list of str, the fold's training subjects
    data : Conditioned
    labels : int, the largest label number
    output : Path of the weights; a checkpoint lies beside it until they stand
    key : str, the resume key

    Returns
    -------
    history : list of dict
        A line every `log_every` steps and at each stage's end: step, stage (from 1), alpha, seconds, and means since
        the line before: d_loss, wasserstein, gradient_penalty, l1 and the terms of `pgan_losses.latent_terms`.
    previews : list of tensors (M, X, Y, Z)
        The averaged generator's images of the first subject's map at the end of each stage, from one latent vector.
    opened : dict, path -> SHA-256 of every file that the data loader opened

    Raises
    ------
    InputError
        If a loss is not finite, or the stages do not fit the grid.
    """
    stages, device = settings.stages, choose_device(settings.device)
    torch.manual_seed(settings.seed)
    shown_map, affine = data.read_map(names[0])
    extent = (np.array(shown_map.shape) * np.linalg.norm(affine[:3, :3], axis=0)).tolist()
    networks = Adversaries(settings, shown_map.shape, extent, labels, len(data.modalities), device)
    fixed_z = torch.randn(1, settings.latent)
    drawn = Batches(data, names, schedule.batch_sizes(stages), settings.seed)
    begin = {"images": 0, "steps_in_stage": 0, "previews": []}
    session = Session(name, settings, drawn, output, key, networks.parts, begin)
    state = session.state
    for batch in session.batches():
        stage, alpha = schedule.position(state["images"], stages)
        losses = networks.step(batch["images"], batch["labels"], stage, alpha, state["steps_in_stage"])
        session.advance(losses, batch["name"], stage=stage + 1, alpha=alpha)
        state["images"] += len(batch["images"])
        state["steps_in_stage"] += 1
        if stage_ends := schedule.ends(state["images"], stages):
            state["previews"].append(networks.preview(fixed_z, shown_map, stage))
            state["steps_in_stage"] = 0
            networks.begin_stage()
        if stage_ends or session.due(settings.log_every):
            session.log({"stage": stage + 1, "alpha": alpha})
    session.finish(networks.average.state_dict())
    return session.history, state["previews"], session.opened
