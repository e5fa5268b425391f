"""DAGAN (Yang et al. 2018, doi:10.1109/TMI.2017.2785879): a GAN that restores slices from under-sampled k-space.

Axial slices of every modality are single-channel images, as in the paper; the network sees z-scores, 0 outside the
brain. Left out: the perceptual loss, which needs VGG's pretrained weights, and batch normalisation.
"""

import itertools
import json
import time

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as functional
from torch import nn

from ganreg import cli, io, manifest, training
from ganreg.errors import InputError
from ganreg.preprocess.labels import mirrors
from ganreg.preprocess.normalize import SHIFT
from ganreg.preprocess.subjects import Subjects
from ganreg.progress import Progress, mark_of
from ganreg.split import folds
from ganreg.synthesize.dagan_augmentation import DaganAugmentation
from ganreg.synthesize.samples import write_set

# standard deviation of the sampled lines' density, as a fraction of k-space
LINE_DENSITY = 1 / 6
ADAM_BETAS = (0.5, 0.999)
LEAK = 0.2


def sampled_lines(size, fraction, seed):
    """Lines of a 1-D Gaussian Cartesian mask.

    Parameters
    ----------
    size : int, lines of k-space
    fraction : float, of lines to sample; the centre is always among them
    seed : int

    Returns
    -------
    Tensor (size,), bool, in the order of `torch.fft.fftfreq`: exactly round(fraction * size) are true, at least one
    """
    frequency = np.fft.fftfreq(size)
    density = np.exp(-0.5 * (frequency / LINE_DENSITY) ** 2)
    density[0] = 0
    count = max(round(fraction * size), 1) - 1
    drawn = np.random.default_rng(seed).choice(size, count, replace=False, p=density / density.sum())
    lines = torch.zeros(size, dtype=torch.bool)
    lines[[0, *drawn.tolist()]] = True
    return lines


def undersample(slices, lines):
    """Zero-filled reconstruction of slices (B, 1, X, Y) from some lines along their second axis.

    The real part is taken, not the magnitude: z-scores have a sign. The Fourier transform along the fully sampled first
    axis would cancel out.
    """
    spectrum = torch.fft.fft(slices.float(), dim=-1)
    return torch.fft.ifft(spectrum * lines, dim=-1).real


def _convolution(inputs, outputs, stride=1):
    layer = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, a=LEAK)
    nn.init.zeros_(layer.bias)
    return layer


def _block(inputs, outputs, stride=1):
    return nn.Sequential(_convolution(inputs, outputs, stride), nn.LeakyReLU(LEAK))


class Generator(nn.Module):
    """U-Net with refinement learning: it adds what is missing to the zero-filled slice.

    Parameters
    ----------
    features : list of ints
        Width of each stage, the first at full size; every further one halves the slice.
    lines : bool Tensor (Y,)
        The sampled lines; kept with the weights, for which they were.
    """

    memory_format = torch.channels_last

    def __init__(self, features, lines):
        super().__init__()
        self.register_buffer("lines", lines)
        self.stem = _block(1, features[0])
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in itertools.pairwise(features)
        )
        self.up = nn.ModuleList(_block(a + b, b) for a, b in itertools.pairwise(reversed(features)))
        self.missing = _convolution(features[0], 1)
        # training starts from the zero-filled slice itself
        nn.init.normal_(self.missing.weight, std=1e-3)

    def forward(self, damaged):
        """Restored slices (B, 1, X, Y), float32, from `undersample`'s."""
        features = [self.stem(damaged)]
        for layer in self.down:
            features.append(layer(features[-1]))
        x = features.pop()
        for layer in self.up:
            skip = features.pop()
            x = layer(torch.cat([functional.interpolate(x, size=skip.shape[2:], mode="nearest"), skip], dim=1))
        return damaged + self.missing(x).float()


class Discriminator(nn.Sequential):
    """Small network that tells whole slices (B, 1, X, Y) from restored ones: a logit for each patch (B, 1, U, V).

    Parameters
    ----------
    features : list of ints
        Width of each stage; every one halves the slice.
    """

    memory_format = torch.channels_last

    def __init__(self, features):
        stages = (_block(a, b, stride=2) for a, b in itertools.pairwise([1, *features]))
        super().__init__(*stages, _convolution(features[-1], 1))


def restoration_loss(restored, slices, options):
    """Pixel and frequency terms of the generator's loss.

    Parameters
    ----------
    restored, slices : Tensor (B, 1, X, Y)
    options : dict, weights `pixel` and `frequency`

    Returns
    -------
    Tensor: mean squared difference of the slices and of the magnitudes of their orthonormal Fourier transforms,
    weighted
    """
    spectra = (torch.fft.fft2(images, norm="ortho").abs() for images in (restored, slices))
    return options["pixel"] * functional.mse_loss(restored, slices) + options["frequency"] * functional.mse_loss(
        *spectra
    )


def _judged(logits, real):
    return functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits.float(), float(real)))


def _volumes(subjects, subject):
    """Images by modality and labels of a subject, as arrays (X, Y, Z)."""
    volumes = subjects.read(subject)
    return {name: volumes[name][0].numpy() for name in subjects.modalities}, volumes["dseg"][0].numpy()


def _scores(images, labels):
    """Z-scores of a subject's modalities as a float32 array (M, X, Y, Z), 0 outside the brain."""
    return np.stack([np.where(labels > 0, data - SHIFT, 0) for data in images.values()]).astype(np.float32)


class Slices(torch.utils.data.Dataset):
    """Item k: the slices of step k, a dict of `slices` (B, 1, X, Y), `name` and `opened`.

    They are drawn from one augmented subject, from all its modalities, among the slices with brain.
    """

    def __init__(self, subjects, names, augmentation, steps, batch, seed):
        self.subjects, self.names, self.augmentation = subjects, names, augmentation
        self.steps, self.batch, self.seed = steps, batch, seed

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, index])
        subject = str(rng.choice(self.names))
        images, labels = _volumes(self.subjects, subject)
        # the outline is all that a slice needs, and quicker to move than structures
        outline = (labels > 0).astype(np.uint8)
        images, brain = self.augmentation(images, outline, self.subjects.affine, index)
        levels = np.flatnonzero(brain.any(axis=(0, 1)))
        scores = _scores(images, brain)
        drawn = scores[rng.integers(len(scores), size=self.batch), :, :, rng.choice(levels, self.batch)]
        return {
            "slices": torch.from_numpy(drawn)[:, None],
            "name": f"sub-{subject}",
            "opened": self.subjects.opened(subject),
        }


def _monitored(subjects, names):
    """Middle slices (N, 1, X, Y) of some subjects as they are, in all modalities."""
    middle = [_scores(*_volumes(subjects, name)) for name in names]
    return torch.from_numpy(np.concatenate([scores[..., scores.shape[3] // 2] for scores in middle]))[:, None]


def train(name, options, fold, sides, modalities, subjects_folder, output, code):
    """Train a DAGAN on one fold's training subjects.

    Generator and discriminator take a step each; the learning rate halves after every quarter of the steps.

    Parameters
    ----------
    name : str, shown in progress and errors
    options : dict
        Block `dagan` of the configuration.
    fold : dict, of `split.folds`
    sides : array of ints or None, as `labels.mirrors` gives it
    modalities : list of str
    subjects_folder : Path of the preprocessed subjects
    output : Path of the generator's weights; a checkpoint lies beside it until they stand
    code : str, fingerprint of the code

    Returns
    -------
    history : list of dict
        A line every `log_every` steps: step, seconds; discriminator, adversarial, restoration: mean losses since the
        line before; zero_filled_mse, restored_mse: over the middle slices of the training subjects, not augmented.
    opened : dict
        Path -> SHA-256 of every file that the data loader opened.

    Raises
    ------
    InputError
        If a loss is not finite: step and subject are named.
    """
    device = training.choose_device(options["device"])
    precision = training.choose_precision(options["precision"], device)
    subjects = Subjects(subjects_folder, modalities)
    inputs = {str(path): io.sha256(path) for subject in fold["train"] for path in subjects.paths(subject).values()}
    monitored = _monitored(subjects, fold["train"]).to(device)

    torch.manual_seed(options["seed"])
    generator = Generator(options["features"], sampled_lines(monitored.shape[3], options["sampling"], options["seed"]))
    networks = {"generator": generator, "discriminator": Discriminator(options["discriminator"])}
    optimizers = {}
    for key, network in networks.items():
        training.place(network, device)
        optimizers[key] = torch.optim.Adam(network.parameters(), lr=options["learning_rate"], betas=ADAM_BETAS)
    judge = networks["discriminator"]
    state = {"step": 0, "history": [], "opened": subjects.opened(*fold["train"]), "seconds": 0.0}

    checkpoint = training.Checkpoint(output, mark_of(options, modalities, code, inputs), name)
    if saved := checkpoint.load():
        for key in networks:
            networks[key].load_state_dict(saved[key])
            optimizers[key].load_state_dict(saved[f"{key}_optimizer"])
        state = saved["state"]

    # the outline has no sides: what is flipped keeps its number
    outline = None if sides is None else np.array([0, 1], dtype=np.uint8)
    augmentation = DaganAugmentation(options["augmentation"], options["seed"], outline)
    samples = Slices(subjects, fold["train"], augmentation, options["steps"], options["batch"], options["seed"])
    progress = Progress(name, options["steps"], state["step"])
    began, losses = time.monotonic() - state["seconds"], []
    for step, batch in enumerate(training.batches(samples, options, device, state["step"]), start=state["step"]):
        state["opened"].update(batch["opened"])
        for optimizer in optimizers.values():
            optimizer.param_groups[0]["lr"] = options["learning_rate"] * 0.5 ** (4 * step // options["steps"])
        slices = batch["slices"].to(device, non_blocking=True)
        damaged = undersample(slices, generator.lines)
        with training.autocast(device, precision):
            restored = generator(damaged)
            judged = _judged(judge(slices), real=True) + _judged(judge(restored.detach()), real=False)
        optimizers["discriminator"].zero_grad(set_to_none=True)
        judged.backward()
        optimizers["discriminator"].step()

        judge.requires_grad_(False)
        with training.autocast(device, precision):
            adversarial = _judged(judge(restored), real=True)
        restoration = restoration_loss(restored, slices, options)
        optimizers["generator"].zero_grad(set_to_none=True)
        (restoration + options["adversarial"] * adversarial).backward()
        optimizers["generator"].step()
        judge.requires_grad_(True)

        losses.append([float(loss.detach()) for loss in (judged, adversarial, restoration)])
        if not np.isfinite(losses[-1]).all():
            found = ", ".join(f"{loss:g}" for loss in losses[-1])
            raise InputError(f"{name}: expected finite losses, found {found} at step {step + 1}, {batch['name']}")
        progress.step(discriminator=losses[-1][0], adversarial=losses[-1][1], restoration=losses[-1][2])

        if (step + 1) % options["log_every"] == 0 or step + 1 == options["steps"]:
            state["step"], state["seconds"] = step + 1, time.monotonic() - began
            means = dict(zip(("discriminator", "adversarial", "restoration"), np.mean(losses, axis=0), strict=True))
            damaged = undersample(monitored, generator.lines)
            with torch.no_grad(), training.autocast(device, precision):
                restored = generator(damaged)
            errors = {"zero_filled_mse": damaged, "restored_mse": restored}
            state["history"].append(
                {
                    "step": step + 1,
                    "seconds": round(state["seconds"], 2),
                    **{key: float(value) for key, value in means.items()},
                    **{key: float(functional.mse_loss(found, monitored)) for key, found in errors.items()},
                }
            )
            losses = []
            content = {key: network.state_dict() for key, network in networks.items()}
            content |= {f"{key}_optimizer": optimizer.state_dict() for key, optimizer in optimizers.items()}
            checkpoint.save({**content, "state": state})
    progress.close()
    training.save_weights(output, generator.state_dict())
    checkpoint.remove()
    return state["history"], state["opened"]


def _damage_and_restore(generator, slices):
    return generator(undersample(slices, generator.lines))


def restorer(weights, options, size):
    """A function that under-samples and restores volumes slice by slice with a trained generator.

    Parameters
    ----------
    weights : Path
    options : dict, block `dagan`
    size : int, lines of k-space: the grid's second side

    Returns
    -------
    function: z-scores (M, X, Y, Z), float32 array, 0 outside the brain -> the same, restored

    Raises
    ------
    InputError
        If the weights do not fit the network of `options`.
    """
    # the weights hold the lines of k-space that were kept
    generator = Generator(options["features"], torch.ones(size, dtype=torch.bool))
    network = training.trained(generator, weights, options, _damage_and_restore)

    def restore(scores):
        modalities, width, lines, levels = scores.shape
        slices = torch.from_numpy(np.moveaxis(scores, 3, 1).reshape(-1, 1, width, lines))
        # a modality's slices at a time: a large grid's would not all fit
        restored = torch.cat([network(part) for part in slices.split(levels)])
        return np.moveaxis(restored.numpy().reshape(modalities, levels, width, lines), 1, 3)

    return restore


def sample(name, options, fold, sides, modalities, subjects_folder, weights, output, code):
    """Write a fold's samples: training subjects, taken in turn, augmented, under-sampled and restored.

    Parameters
    ----------
    name, options, fold, sides, modalities, subjects_folder, code : as in `train`; `options` with `samples`, how many
    weights : Path of the generator's weights
    output : Path of the folder; a finished part lies beside it until the whole stands

    Returns
    -------
    opened : dict, path -> SHA-256 of the subjects' files and of the weights
    """
    subjects, names = Subjects(subjects_folder, modalities), fold["train"][: options["samples"]]
    # all are read before the first sample, so that an interrupted set tells the same of its origin
    shape = {subjects.read(subject)["dseg"].shape[1:] for subject in names}.pop()
    opened = {**subjects.opened(*names), str(weights): io.sha256(weights)}
    # a stream of its own: the copies are others than those of the training
    augmentation = DaganAugmentation(options["augmentation"], [options["seed"], 1], sides)
    restore = restorer(weights, options, shape[1])

    def draw(number):
        copied = _volumes(subjects, names[(number - 1) % len(names)])
        images, labels = augmentation(*copied, subjects.affine, number)
        return dict(zip(modalities, restore(_scores(images, labels)), strict=True)), labels, subjects.affine

    write_set(output, name, "dagan", options["samples"], draw, mark_of(options, modalities, code, opened))
    return opened


def _job(parser, argv, *paths):
    """What training and sampling share: the arguments, the fold and the structures' mirrors."""
    parser = cli.add_paths(parser, "folds", "structures", "subjects", "weights", "manifest", *paths)
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options["settings"]["threads"])
    return args, folds.select(io.read_json(args.folds), args.fold), mirrors(pd.read_csv(args.structures, sep="\t"))


def run_training(parser, argv):
    """The body of `train_dagan`: weights, history and manifest of one fold."""
    args, fold, sides = _job(parser, argv, "history")
    settings, modalities = args.options["settings"], args.options["modalities"]
    title = f"dagan fold {args.fold}"
    history, opened = train(title, settings, fold, sides, modalities, args.subjects, args.weights, args.code)
    io.write_text(args.history, "".join(json.dumps(line) + "\n" for line in history))
    errors = {key: history[-1][key] for key in ("zero_filled_mse", "restored_mse")}
    content = {"fold": fold["fold"], "method": "dagan", "options": args.options, "opened": opened, **errors}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], **content)


def run_sampling(parser, argv):
    """The body of `sample_dagan`: the folder of a fold's samples and its manifest."""
    args, fold, sides = _job(parser, argv, "model", "output")
    settings, modalities = args.options["settings"], args.options["modalities"]
    title = f"dagan samples fold {args.fold}"
    read = sample(title, settings, fold, sides, modalities, args.subjects, args.weights, args.output, args.code)
    opened = {**io.read_json(args.model)["opened"], **read}
    content = {"fold": fold["fold"], "kind": "dagan", "options": args.options, "opened": opened}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], **content)
