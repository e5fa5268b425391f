"""Training the progressive GAN on a fold (WGAN-GP; Karras et al. 2018), and its averaged generator."""

import copy
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ganreg import cli, io, manifest, training
from ganreg.errors import InputError
from ganreg.preprocess.normalize import SHIFT
from ganreg.preprocess.subjects import Subjects
from ganreg.progress import Progress, mark_of
from ganreg.segment.learned import map_path
from ganreg.split import folds
from ganreg.synthesize import realtime, schedule
from ganreg.synthesize.pgan_networks import Condition, Critic, Generator, blended, shrink

PENALTY = 10.0
DRIFT = 1e-3
LARGEST_DECAY = 0.999
BETAS = (0.0, 0.99)


class Conditioned:
    """Preprocessed subjects with the label maps that condition the GAN.

    Parameters
    ----------
    folder : Path of the preprocessed subjects
    maps : Path of the segmentation network's maps, `sub-{subject}/anat/sub-{subject}_desc-rdnn_dseg.nii.gz`
    modalities : list of str
    """

    def __init__(self, folder, maps, modalities):
        self.subjects, self.maps, self.modalities = Subjects(folder, modalities), Path(maps), modalities
        self.read_maps, self.hashes = {}, {}

    def map_path(self, subject):
        """Path of a subject's map."""
        return map_path(self.maps, subject)

    def read_map(self, subject):
        """A subject's map: uint8 array (X, Y, Z), and its affine."""
        if subject not in self.read_maps:
            path = self.map_path(subject)
            image = io.load_labels(path)
            self.hashes[str(path)] = io.sha256(path)
            self.read_maps[subject] = np.ascontiguousarray(image.dataobj, dtype=np.uint8), image.affine
        return self.read_maps[subject]

    def read(self, subject):
        """Images (M, X, Y, Z) as the networks want them, float32, and the map (1, X, Y, Z), uint8.

        Raises
        ------
        InputError
            If a file is unreadable or the map has another shape than the images.
        """
        volumes, labels = self.subjects.read(subject), torch.from_numpy(self.read_map(subject)[0])[None]
        images = torch.cat([volumes[modality] for modality in self.modalities])
        if labels.shape[1:] != images.shape[1:]:
            expected, found = tuple(images.shape[1:]), tuple(labels.shape[1:])
            raise InputError(f"{self.map_path(subject)}: expected the images' shape {expected}, found {found}")
        return to_networks(images, labels), labels

    def opened(self, *subjects):
        """Path -> SHA-256 of the files of some subjects, as they were read."""
        maps = {str(path): self.hashes[str(path)] for path in map(self.map_path, subjects)}
        return {**self.subjects.opened(*subjects), **maps}


def to_networks(images, labels):
    """Preprocessed images (..., M, X, Y, Z) without their shift, 0 where the map (..., 1, X, Y, Z) has no brain."""
    return (images - SHIFT) * (labels > 0)


class Batches(torch.utils.data.Dataset):
    """Batch of each training step: `images` (B, M, X, Y, Z) and `labels` (B, 1, X, Y, Z) of subjects drawn at random.

    A function of seed and step, so that resumed training sees what uninterrupted training does.
    """

    def __init__(self, data, names, sizes, seed):
        self.data, self.names, self.sizes, self.seed = data, names, sizes, seed

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, step):
        drawn = [str(name) for name in np.random.default_rng([self.seed, step]).choice(self.names, self.sizes[step])]
        images, labels = zip(*map(self.data.read, drawn), strict=True)
        return {"images": torch.stack(images), "labels": torch.stack(labels), "opened": self.data.opened(*drawn)}


def decay(steps):
    """Decay of the generator's moving average after so many steps of a stage: min(.999, (1 + n) / (10 + n)).

    Counted anew in each stage, as layers that have just come have no past to average.
    """
    return min(LARGEST_DECAY, (1 + steps) / (10 + steps))


@torch.no_grad()
def update_average(average, model, weight):
    """Move the averaged network's parameters towards the model's: average = weight * average + (1 - weight) * model."""
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - weight)


def gradient_penalty(score_of, real, fake, share):
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
    """Generator, critic, averaged generator and their optimisers: what a training step changes.

    Parameters
    ----------
    options : dict, block `pgan`
    shape : (X, Y, Z)
    extent_mm : list of 3 floats, size of the grid's box
    labels : int, the largest label number
    modalities : int
    """

    def __init__(self, options, shape, extent_mm, labels, modalities, device, precision):
        self.options, self.extent_mm, self.device, self.precision = options, extent_mm, device, precision
        widths = [stage["width"] for stage in options["stages"]]
        common = (labels, options["embedding"], modalities, options["checkpointing"])
        self.generator = Generator(shape, widths, options["latent"], *common)
        self.critic = Critic(shape, widths, *common)
        for model in (self.generator, self.critic):
            model.to(device)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.begin_stage()

    def begin_stage(self):
        """Optimisers without a past, as each stage starts with them."""
        rate = {"lr": self.options["learning_rate"], "betas": BETAS}
        self.optimisers = [torch.optim.Adam(model.parameters(), **rate) for model in (self.generator, self.critic)]

    def state(self):
        """Everything that training goes on from."""
        models = [model.state_dict() for model in (self.generator, self.critic, self.average)]
        return {"models": models, "optimisers": [optimiser.state_dict() for optimiser in self.optimisers]}

    def load(self, state):
        """Take up what `state` gave."""
        for model, saved in zip((self.generator, self.critic, self.average), state["models"], strict=True):
            model.load_state_dict(saved)
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)

    def step(self, real, labels, stage, alpha, steps_in_stage):
        """One step of the critic, then one of the generator: same fakes, same draw of the real-time augmentation.

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
        z = torch.randn(len(labels), self.options["latent"], device=self.device)
        condition, shape = Condition(labels), self.generator.shapes[stage]
        with training.autocast(self.device, self.precision):
            fake = self.generator(z, condition, stage, alpha)
        transform = realtime.draw(len(real), self.extent_mm, self.options["augmentation"], self.device)
        moved = Condition(realtime.apply_to_labels(transform, labels))
        mask = moved.brain(shape)
        seen_real, seen_fake = (realtime.apply_to_images(transform, images, mask) for images in (real, fake))

        def score_of(images):
            with training.autocast(self.device, self.precision):
                return self.critic(images, moved, stage, alpha)

        line = self._critic_step(seen_real, seen_fake.detach(), score_of)
        # over the brain: the background is right by construction
        voxels = condition.brain(shape).sum() * real.shape[1]
        l1 = (fake - real).abs().sum() / voxels
        # the gradient of the critic's score has length 1 for each image, whatever the grid; so has this one at weight 1
        reconstruction = self.options["reconstruction"] * (voxels / len(real)).sqrt() * l1
        loss = self._generator_step(seen_fake, score_of, reconstruction)
        update_average(self.average, self.generator, decay(steps_in_stage))
        return {**line, "g_loss": loss, "l1": l1.item()}

    def _critic_step(self, real, fake, score_of):
        self.optimisers[1].zero_grad(set_to_none=True)
        on_real, on_fake = score_of(real), score_of(fake)
        penalty = gradient_penalty(score_of, real, fake, torch.rand(len(real), 1, 1, 1, 1, device=self.device))
        wasserstein = on_real.mean() - on_fake.mean()
        loss = PENALTY * penalty - wasserstein + DRIFT * on_real.square().mean()
        loss.backward()
        self.optimisers[1].step()
        return {"d_loss": loss.item(), "wasserstein": wasserstein.item(), "gradient_penalty": penalty.item()}

    def _generator_step(self, fake, score_of, reconstruction):
        self.optimisers[0].zero_grad(set_to_none=True)
        self.critic.requires_grad_(False)
        loss = reconstruction - score_of(fake).mean()
        self.critic.requires_grad_(True)
        loss.backward()
        self.optimisers[0].step()
        return loss.item()

    def preview(self, z, labels, stage):
        """Images (M, X, Y, Z) of the averaged generator at the end of a stage, from fixed z and map; on the CPU.

        In the units of preprocessed subjects, on the stage's grid.
        """
        condition = Condition(torch.from_numpy(labels)[None, None].to(self.device))
        with torch.no_grad(), training.autocast(self.device, self.precision):
            images = self.average(z.to(self.device), condition, stage, 1.0)
        return (images + SHIFT * condition.brain(self.average.shapes[stage]))[0].cpu()


def train(name, options, names, data, labels, output, mark):
    """Train the progressive GAN and leave its averaged generator.

    Parameters
    ----------
    name : str, shown in progress and errors
    options : dict, block `pgan`
    names : list of str, the fold's training subjects
    data : Conditioned
    labels : int, the largest label number
    output : Path of the weights; a checkpoint lies beside it until they stand
    mark : str, as `training.Checkpoint` wants it

    Returns
    -------
    history : list of dict
        A line every `log_every` steps and at each stage's end: step, stage (from 1), alpha, seconds, and the means
        since the line before of d_loss, g_loss, wasserstein, gradient_penalty and l1.
    previews : list of tensors (M, X, Y, Z)
        The averaged generator's images of the first subject's map at the end of each stage, from one latent vector.
    opened : dict
        Path -> SHA-256 of every file that the data loader opened.

    Raises
    ------
    InputError
        If a loss is not finite, or the stages do not fit the grid.
    """
    device = training.choose_device(options["device"])
    precision = training.choose_precision(options["precision"], device)
    torch.manual_seed(options["seed"])
    stages, shown = options["stages"], names[0]
    shown_map, affine = data.read_map(shown)
    extent = (np.array(shown_map.shape) * np.linalg.norm(affine[:3, :3], axis=0)).tolist()
    networks = Adversaries(options, shown_map.shape, extent, labels, len(data.modalities), device, precision)
    fixed_z = torch.randn(1, options["latent"])
    state = {"step": 0, "images": 0, "stage_step": 0, "history": [], "previews": [], "opened": {}}
    state["seconds"] = 0.0
    checkpoint = training.Checkpoint(output, mark, name)
    if saved := checkpoint.load():
        networks.load(saved["networks"])
        state = saved["state"]

    sizes = schedule.batch_sizes(stages)
    drawn = Batches(data, names, sizes, options["seed"])
    progress = Progress(name, len(sizes), state["step"])
    began, terms = time.monotonic() - state["seconds"], []
    for batch in training.batches(drawn, options, device, state["step"]):
        state["opened"].update(batch["opened"])
        batch = training.to_device(batch, device)
        stage, alpha = schedule.position(state["images"], stages)
        real = blended(shrink(batch["images"], networks.generator.shapes[stage]), alpha)
        line = networks.step(real, batch["labels"], stage, alpha, state["stage_step"])
        if not np.isfinite([*line.values()]).all():
            raise InputError(f"{name}: expected finite losses, found {line} at step {state['step'] + 1}")
        terms.append(line)
        state["step"], state["stage_step"] = state["step"] + 1, state["stage_step"] + 1
        state["images"] += len(real)
        progress.step(stage=stage + 1, alpha=alpha, **line)

        finished = state["images"] == schedule.total(stages)
        stage_ends = finished or schedule.position(state["images"], stages)[0] > stage
        if stage_ends:
            state["previews"].append(networks.preview(fixed_z, shown_map, stage))
            state["stage_step"] = 0
            networks.begin_stage()
        if stage_ends or state["step"] % options["log_every"] == 0:
            state["seconds"] = time.monotonic() - began
            means = {key: sum(each[key] for each in terms) / len(terms) for key in line}
            head = {"step": state["step"], "stage": stage + 1, "alpha": alpha, "seconds": round(state["seconds"], 2)}
            state["history"].append({**head, **means})
            terms = []
            checkpoint.save({"networks": networks.state(), "state": state})
    progress.close()
    training.save_weights(output, networks.average.state_dict())
    checkpoint.remove()
    return state["history"], [preview.cpu() for preview in state["previews"]], state["opened"]


def carried(manifests):
    """Path -> SHA-256 of the files that went into what an output is built on, as the manifests tell."""
    return {path: digest for each in manifests for path, digest in io.read_json(each)["opened"].items()}


def run_training(args):
    """The body of the script that trains the progressive GAN of one fold."""
    settings, modalities = args.options["settings"], args.options["modalities"]
    cli.set_threads(settings["threads"])
    fold = folds.select(io.read_json(args.folds), args.fold)
    data = Conditioned(args.subjects, args.maps, modalities)
    largest = int(pd.read_csv(args.structures, sep="\t")["index"].max())
    used = [path for name in fold["train"] for path in (*data.subjects.paths(name).values(), data.map_path(name))]
    mark = mark_of(args.options, args.code, {str(path): io.sha256(path) for path in used})
    title = f"pgan fold {args.fold}"
    history, previews, opened = train(title, settings, fold["train"], data, largest, args.weights, mark)
    shown = fold["train"][0]
    with io.atomic(args.previews) as beside, open(beside, "wb") as stream:
        grids = {f"stage{number}": preview.numpy() for number, preview in enumerate(previews, start=1)}
        np.savez_compressed(stream, subject=shown, modalities=modalities, labels=data.read_map(shown)[0], **grids)
    io.write_text(args.history, "".join(json.dumps(line) + "\n" for line in history))
    content = {
        "fold": fold["fold"],
        "method": "pgan",
        "options": args.options,
        "opened": {**carried(args.built_on), **opened},
    }
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], **content)
