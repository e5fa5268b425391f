"""Training the progressive GAN on a fold (WGAN-GP; Karras et al. 2018), and its averaged generator."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ganreg.learn.devices import autocast, choose_device, choose_precision
from ganreg.learn.session import Session, Stateful
from ganreg.synthesize import realtime, schedule
from ganreg.synthesize.pgan_data import Batches, Conditioned
from ganreg.synthesize.pgan_networks import Condition, Discriminator, Generator, blended, shrink
from ganreg.synthesize.settings import PganTraining
from ganreg.volumes.normalize import SHIFT

PENALTY = 10.0
DRIFT = 1e-3
LARGEST_DECAY = 0.999
BETAS = (0.0, 0.99)

# images (B, M, X, Y, Z) -> scores (B,)
ScoreOf = Callable[[torch.Tensor], torch.Tensor]


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


def gradient_penalty(score_of: ScoreOf, real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Mean of (|gradient of the score| - 1)**2 at images between real and fake ones (Gulrajani et al. 2017).

    Parameters
    ----------
    score_of : function images -> scores (B,)
    real, fake : Tensors (B, M, X, Y, Z)
    share : Tensor (B, 1, 1, 1, 1), how much of the fake image

    Returns
    -------
    Tensor of one value, differentiable again
    """
    between = torch.lerp(real, fake, share).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score_of(between).sum(), between, create_graph=True)
    return (gradient.float().flatten(1).norm(dim=1) - 1).square().mean()


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
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=settings.learning_rate, betas=BETAS)
            for name, network in networks.items()
        }
        optimizers = {f"{name}_optimizer": each for name, each in self.optimizers.items()}
        self.parts: dict[str, Stateful] = {**networks, "average": self.average, **optimizers}

    def begin_stage(self) -> None:
        """Make the optimizers forget their past, as each stage starts without one."""
        for optimizer in self.optimizers.values():
            optimizer.state.clear()

    def step(
        self, real: torch.Tensor, labels: torch.Tensor, stage: int, alpha: float, steps_in_stage: int
    ) -> dict[str, float]:
        """One step of the discriminator, then one of the generator.

        Both take the same generated images, under the same draw of the real-time augmentation.

        Parameters
        ----------
        real : Tensor (B, M, *grid of the stage)
        labels : Tensor (B, 1, X, Y, Z) on the full grid
        stage, alpha : as `schedule.position` gives them
        steps_in_stage : int, steps of the stage before this one

        Returns
        -------
        dict of float: both losses and their terms
        """
        z = torch.randn(len(labels), self.settings.latent, device=self.device)
        condition, shape = Condition(labels), self.generator.shapes[stage]
        with autocast(self.device, self.precision):
            fake = self.generator(z, condition, stage, alpha)
        transform = realtime.draw(len(real), self.extent_mm, self.settings.augmentation, self.device)
        moved = Condition(realtime.apply_to_labels(transform, labels))
        mask = moved.brain(shape)
        seen_real, seen_fake = (realtime.apply_to_images(transform, images, mask) for images in (real, fake))

        def score_of(images: torch.Tensor) -> torch.Tensor:
            with autocast(self.device, self.precision):
                return self.discriminator(images, moved, stage, alpha)

        losses = self._discriminator_step(seen_real, seen_fake.detach(), score_of)
        # over the brain: the background is right by construction
        voxels = condition.brain(shape).sum() * real.shape[1]
        l1 = (fake - real).abs().sum() / voxels
        # the gradient of the discriminator's score has length 1 for each image, whatever the grid; so has that of this
        # term at weight 1
        reconstruction = self.settings.reconstruction * (voxels / len(real)).sqrt() * l1
        loss = self._generator_step(seen_fake, score_of, reconstruction)
        update_average(self.average, self.generator, decay(steps_in_stage))
        return {**losses, "g_loss": loss, "l1": l1.item()}

    def _discriminator_step(self, real: torch.Tensor, fake: torch.Tensor, score_of: ScoreOf) -> dict[str, float]:
        self.optimizers["discriminator"].zero_grad(set_to_none=True)
        on_real, on_fake = score_of(real), score_of(fake)
        penalty = gradient_penalty(score_of, real, fake, torch.rand(len(real), 1, 1, 1, 1, device=self.device))
        wasserstein = on_real.mean() - on_fake.mean()
        loss = PENALTY * penalty - wasserstein + DRIFT * on_real.square().mean()
        loss.backward()
        self.optimizers["discriminator"].step()
        return {"d_loss": loss.item(), "wasserstein": wasserstein.item(), "gradient_penalty": penalty.item()}

    def _generator_step(self, fake: torch.Tensor, score_of: ScoreOf, reconstruction: torch.Tensor) -> float:
        self.optimizers["generator"].zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)
        loss = reconstruction - score_of(fake).mean()
        self.discriminator.requires_grad_(True)
        loss.backward()
        self.optimizers["generator"].step()
        return loss.item()

    def preview(self, z: torch.Tensor, labels: np.ndarray, stage: int) -> torch.Tensor:
        """Images (M, X, Y, Z) of the averaged generator at the end of a stage, from fixed z and map; on the CPU.

        In the units of preprocessed subjects, on the stage's grid.
        """
        condition = Condition(torch.from_numpy(labels)[None, None].to(self.device))
        with torch.no_grad(), autocast(self.device, self.precision):
            images = self.average(z.to(self.device), condition, stage, 1.0)
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
        A line every `log_every` steps and at each stage's end: step, stage (from 1), alpha, seconds, and the means
        since the line before of d_loss, wasserstein, gradient_penalty, g_loss and l1.
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
        real = blended(shrink(batch["images"], networks.generator.shapes[stage]), alpha)
        losses = networks.step(real, batch["labels"], stage, alpha, state["steps_in_stage"])
        session.advance(losses, batch["name"], stage=stage + 1, alpha=alpha)
        state["images"] += len(real)
        state["steps_in_stage"] += 1
        if stage_ends := schedule.ends(state["images"], stages):
            state["previews"].append(networks.preview(fixed_z, shown_map, stage))
            state["steps_in_stage"] = 0
            networks.begin_stage()
        if stage_ends or session.due(settings.log_every):
            session.log({"stage": stage + 1, "alpha": alpha})
    session.finish(networks.average.state_dict())
    return session.history, state["previews"], session.opened
