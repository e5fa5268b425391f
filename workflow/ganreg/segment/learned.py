"""Training the RDNN inside a fold, cross-fitted, and segmenting the fold's subjects with it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as functional

from ganreg import cli, io, manifest, training
from ganreg.errors import InputError
from ganreg.evaluate import overlap
from ganreg.preprocess.labels import mirrors
from ganreg.preprocess.subjects import Subjects
from ganreg.progress import mark_of
from ganreg.segment import prior, rdnn, samples
from ganreg.segment.losses import soft_dice_loss
from ganreg.spatial.box import brain_box
from ganreg.split import folds

# part of the training subjects -> the model that segments them without having seen them
CROSS_FIT = {"half1": "half2", "half2": "half1"}
# voxels of a slice before the box; odd and even, as an encoder stage halves the slice
SHIFTS = (0, 1)


def parts(train):
    """Training subjects of each model: all of them, and the two halves of the cross-fit.

    Parameters
    ----------
    train : list of str, the fold's training subjects
    """
    ordered = sorted(train)
    middle = (len(ordered) + 1) // 2
    return {"all": ordered, "half1": ordered[:middle], "half2": ordered[middle:]}


def models_of_subjects(fold):
    """The model that segments each of a fold's subjects: never one that was trained on that subject.

    A network is near perfect on what it was trained on; maps of training subjects would look like nothing that it makes
    of others, and a network trained on them would be lost on those.

    Parameters
    ----------
    fold : dict, of `split.folds`

    Returns
    -------
    dict subject -> all, half1 or half2
    """
    trained = parts(fold["train"])
    chosen = {subject: other for half, other in CROSS_FIT.items() for subject in trained[half]}
    return chosen | dict.fromkeys([*fold["validation"], *fold["test"]], "all")


def class_weights(name, counts):
    """Weights of the classes in the cross-entropy.

    Parameters
    ----------
    name : none, or sqrt_inverse: one over the square root of the class's frequency
    counts : array (K,), voxels of each class

    Returns
    -------
    float32 Tensor (K,): mean 1 over the voxels, 0 for a class that has none.
    """
    frequency = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    present = frequency > 0
    weights = present.astype(np.float64)
    if name == "sqrt_inverse":
        weights[present] = 1 / np.sqrt(frequency[present])
    return torch.from_numpy(weights / (weights * frequency).sum()).float()


def loss_function(options, weights):
    """The loss of a batch: cross-entropy over the brain's voxels (Eq. 2), plus a Dice term of weight `dice`.

    Parameters
    ----------
    options : dict
        `dice`.
    weights : Tensor (K,), as `class_weights` gives them

    Returns
    -------
    function (model, batch) -> (loss, logits (1, K, X, Y, Z))
    """

    def loss_of(model, batch):
        logits = model(batch["images"], batch.get("prior"))
        with torch.autocast(logits.device.type, enabled=False):
            inside = batch["labels"][0, 0] > 0
            found = logits[0].permute(1, 2, 3, 0)[inside].float()
            wanted = batch["labels"][0, 0][inside].long() - 1
            loss = functional.cross_entropy(found, wanted, weights.to(found))
            if options["dice"]:
                memberships = functional.softmax(found, dim=1), functional.one_hot(wanted, found.shape[1])
                loss = loss + options["dice"] * soft_dice_loss(
                    *(each.T[None, :, :, None, None] for each in memberships)
                )
        return loss, logits

    return loss_of


def score_of(batch, logits):
    """Mean Dice over the structures on the working grid; the rest of the brain, the last one, is left out."""
    wanted = batch["labels"][0, 0].cpu().numpy()
    found = _label_map(logits[0].cpu(), batch["labels"][0, 0].cpu() > 0).numpy()
    return float(np.nanmean(overlap.dice(wanted, found, logits.shape[1])[:-1]))


def _label_map(likelihood, mask):
    """The likeliest structure 1 ... K of each voxel inside the mask, 0 outside, uint8, from (K, X, Y, Z)."""
    return torch.where(mask, likelihood.argmax(dim=0) + 1, 0).to(torch.uint8)


def build(options, structures):
    """An untrained RDNN.

    Parameters
    ----------
    options : dict
        `settings`, `modalities`, `shape` and `spacing`, as for `train`.
    structures : int, number of labels
    """
    settings, empty = options["settings"], None
    if settings["prior"]:
        empty = torch.zeros(prior.shape_of(structures, options["shape"], options["spacing"]), dtype=torch.float16)
    return rdnn.RDNN(len(options["modalities"]), structures, settings["features"], settings["recurrent"], empty)


def train(name, options, fold, structures, subjects_folder, output, code):
    """Train an RDNN on a part of one fold's training subjects.

    Parameters
    ----------
    name : str, shown in progress and errors
    options : dict
        `settings`, the block `rdnn` with `recurrent`; `part`: all, half1 or half2; `modalities`; `shape` and `spacing`
        (mm) of the working grid.
    fold : dict, of `split.folds`
    structures : pandas.DataFrame, as `labels.structures` gives it
    subjects_folder : Path of the preprocessed subjects
    output : Path of the weights
    code : str, fingerprint of the code

    Returns
    -------
    history, opened : as `training.train` gives them
    """
    subjects, names = Subjects(subjects_folder, options["modalities"]), parts(fold["train"])[options["part"]]
    # as many rounds for a part as for all
    steps = max(1, round(options["settings"]["steps"] * len(names) / len(fold["train"])))
    settings = {**options["settings"], "steps": steps}
    count, spacing, mirrored = len(structures), options["spacing"], mirrors(structures)
    torch.manual_seed(settings["seed"])
    model = build(options, count)

    def labels_of(subject):
        return subjects.read(subject)["dseg"][0]

    of_training = of_validation = None
    if settings["prior"]:
        counted = mirrored if settings["flip"] else None
        model.prior, of_training = prior.log_frequencies(labels_of, names, count, spacing, counted)
        of_validation = dict.fromkeys(fold["validation"], model.prior)
    training_slices = samples.Slices(subjects, names, spacing, settings, mirrored, of_training)
    validation = samples.Slices(subjects, fold["validation"], spacing, priors=of_validation)
    counts = sum(torch.bincount(labels_of(subject).flatten(), minlength=count + 1)[1:] for subject in names)
    inputs = {
        str(path): io.sha256(path)
        for subject in [*names, *fold["validation"]]
        for path in subjects.paths(subject).values()
    }
    loss_of = loss_function(settings, class_weights(settings["class_weights"], counts.numpy()))
    mark = mark_of(options, code, inputs)
    title = f"{name} fold {fold['fold']}"
    history, opened = training.train(
        title, model, training_slices, validation, loss_of, score_of, settings, output, mark
    )
    # all of them are in the prior and in the class weights, however few the loader drew
    return history, opened | subjects.opened(*names)


def run_training(parser, argv):
    """The body of `train_rdnn`: weights, history and manifest of one model of one fold."""
    parser = cli.add_paths(parser, "folds", "structures", "subjects", "weights", "history", "manifest")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options["settings"]["threads"])
    fold = folds.select(io.read_json(args.folds), args.fold)
    structures = pd.read_csv(args.structures, sep="\t")
    name = args.weights.stem
    history, opened = train(name, args.options, fold, structures, args.subjects, args.weights, args.code)
    io.write_text(args.history, "".join(json.dumps(line) + "\n" for line in history))
    summary = {"under_trained": training.still_falling(history), "best": max(h["validation_dice"] for h in history)}
    content = {"fold": fold["fold"], "method": name, "options": args.options, "opened": opened, **summary}
    manifest.write(args.manifest, ["torch", "numpy", "scipy", "nibabel"], **content)


def segmenter(weights, options, structures):
    """A function that segments a preprocessed subject with a trained RDNN.

    Memberships are averaged over where the encoder's coarser voxels begin: at the box's first voxel of a slice and at
    the one before; and, where the network was trained on flips, over the subject and its mirror image.

    Parameters
    ----------
    weights : Path
    options : dict, as for `train`
    structures : pandas.DataFrame, as `labels.structures` gives it

    Returns
    -------
    function: images, float32 array (M, X, Y, Z) in the units of `normalize.zscore`, and mask, bool array (X, Y, Z)
        -> uint8 array (X, Y, Z)

    Raises
    ------
    InputError
        If the weights do not fit the network of `options`.
    """
    settings = options["settings"]
    model = build(options, len(structures))
    network = training.trained(model, weights, settings)
    table = mirrors(structures) if settings["flip"] else None
    # channel k is structure k + 1
    swapped = None if table is None else table[1:].astype(int) - 1

    def memberships(images, box):
        expected = [] if model.prior is None else [prior.crop(model.prior, box, options["spacing"])]
        looks = []
        for shift in SHIFTS:
            scores, *start = (functional.pad(each, (0, 0, shift, 0, shift, 0)) for each in (images, *expected))
            found = [network(scores, *start)]
            if swapped is not None:
                turned = network(scores.flip(2), *(each[:, swapped].flip(2) for each in start))
                found.append(turned.flip(2)[:, swapped])
            looks.extend(functional.softmax(logits, dim=1)[0, :, shift:, shift:] for logits in found)
        return sum(looks) / len(looks)

    def segment(images, mask):
        mask = torch.from_numpy(mask)
        scores = samples.plain_zscore(torch.from_numpy(images), mask)[None]
        box = brain_box(mask, samples.MARGINS)
        found = torch.zeros(mask.shape, dtype=torch.uint8)
        found[box] = _label_map(memberships(scores[(..., *box)], box), mask[box])
        return found.numpy()

    return segment


def map_path(folder, subject):
    """Where a subject's map lies in a folder of maps."""
    return Path(folder) / f"sub-{subject}" / "anat" / f"sub-{subject}_desc-rdnn_dseg.nii.gz"


def refuse_seen(models, opened, fold):
    """Refuse to segment a training or test subject with a model that was trained on it.

    Validation subjects chose the weights of every model of their fold: theirs are not held back.

    Parameters
    ----------
    models : dict subject -> name of the model
    opened : dict name -> paths of the files that the model's data loader opened
    fold : dict, of `split.folds`

    Raises
    ------
    InputError
        Naming model, subject and file.
    """
    for subject in sorted({*fold["train"], *fold["test"]} & set(models)):
        for path in opened[models[subject]]:
            if f"sub-{subject}" in Path(path).parts:
                raise InputError(
                    f"rdnn_{models[subject]}: expected a model that has not seen sub-{subject}, found {path}"
                )


def segment_subjects(models, segmenters, modalities, subjects_folder, output):
    """Write the maps of subjects into a folder, whole or not at all. Images and masks are opened, no labels.

    Parameters
    ----------
    models : dict subject -> name of the model
    segmenters : dict name -> function, as `segmenter` gives them
    modalities : list of str
    subjects_folder : Path of the preprocessed subjects
    output : Path of the folder

    Returns
    -------
    segmented : dict
        Path -> SHA-256 of the images and masks that were opened.
    """
    segmented = {}
    with io.atomic(output) as folder:
        for subject, model in models.items():
            paths = Subjects(subjects_folder, modalities).paths(subject)
            volumes, brain = [io.load_image(paths[name]) for name in modalities], io.load_labels(paths["mask"])
            for name, volume in zip(modalities, volumes, strict=True):
                io.require_same_grid(brain, paths["mask"], volume, paths[name])
            images = np.stack([np.asarray(volume.dataobj) for volume in volumes])
            found = segmenters[model](images, np.asarray(brain.dataobj) > 0)
            io.save(map_path(folder, subject), found, brain.affine, np.uint8)
            segmented |= {str(paths[name]): io.sha256(paths[name]) for name in [*modalities, "mask"]}
    return segmented


def run_segmentation(parser, argv):
    """The body of `segment_rdnn`: the maps of a fold's subjects and their manifest.

    With the three models of the cross-fit all subjects are segmented; with the ablation's one the test subjects.
    """
    parser = cli.add_paths(parser, "folds", "structures", "subjects", "output", "manifest", many=("weights", "models"))
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options["settings"]["threads"])
    fold = folds.select(io.read_json(args.folds), args.fold)
    structures = pd.read_csv(args.structures, sep="\t")
    names = [path.stem.removeprefix("rdnn_") for path in args.weights]
    models = dict.fromkeys(fold["test"], names[0]) if len(names) == 1 else models_of_subjects(fold)
    opened = {name: io.read_json(path)["opened"] for name, path in zip(names, args.models, strict=True)}
    refuse_seen(models, opened, fold)
    segmenters = {
        name: segmenter(path, args.options, structures) for name, path in zip(names, args.weights, strict=True)
    }
    segmented = segment_subjects(models, segmenters, args.options["modalities"], args.subjects, args.output)
    content = {"fold": fold["fold"], "options": args.options, "models": models, "segmented": segmented}
    everything = {path: digest for files in opened.values() for path, digest in files.items()}
    manifest.write(args.manifest, ["torch", "numpy", "nibabel"], opened=everything, **content)
