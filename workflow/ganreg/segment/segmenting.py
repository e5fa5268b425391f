"""Segmenting subjects with trained RDNNs."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as functional

from ganreg import io
from ganreg.learn.inference import trained
from ganreg.segment import prior, rdnn, samples
from ganreg.segment.settings import RdnnModel
from ganreg.spatial.box import brain_box
from ganreg.volumes import bids
from ganreg.volumes.labels import mirror_labels
from ganreg.volumes.subjects import Subjects

# (images (M, X, Y, Z), mask (X, Y, Z)) -> map (X, Y, Z)
Segmenter = Callable[[np.ndarray, np.ndarray], np.ndarray]

# voxels by which the box is widened in a slice: one moves the grid of the encoder's stages, which halve the slice
SHIFTS = (0, 1)
# that are decoded at a time: at the paper's size and widths, with 36 structures, a job peaks at 4.3 GiB (float32, CPU)
SLICES = 16


def likeliest(likelihood: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The likeliest structure 1 ... K of each voxel inside the mask, 0 outside, uint8, from (K, X, Y, Z)."""
    return torch.where(mask, likelihood.argmax(dim=0) + 1, 0).to(torch.uint8)


def segmenter(weights: Path, model: RdnnModel, structures: pd.DataFrame) -> Segmenter:
    """A function that segments a preprocessed subject with a trained RDNN, a few slices at a time.

    Test-time augmentation: memberships are averaged over passes in which the encoder's coarser voxels begin at the
    box's first voxel of a slice, and at the one before; and, where the network was trained on flips, over the subject
    and its mirror image.

    Parameters
    ----------
    weights : Path
    model : RdnnModel
    structures : pandas.DataFrame, as `labels.structures` gives it

    Returns
    -------
    function: images, float32 array (M, X, Y, Z) in the units of `normalize.zscore`, and mask, bool array (X, Y, Z)
        -> uint8 array (X, Y, Z)

    Raises
    ------
    InputError
        If the weights do not fit the network.
    """
    network = rdnn.build(model, len(structures))
    table = mirror_labels(structures) if model.settings.flip else None
    # channel k is structure k + 1
    swapped = None if table is None else torch.from_numpy(table[1:].astype(int)) - 1

    def memberships(network: rdnn.RDNN, images: torch.Tensor, log_prior: torch.Tensor | None = None) -> torch.Tensor:
        total = images.new_zeros(1, len(structures), *images.shape[2:])
        passes = list(itertools.product(SHIFTS, (False,) if swapped is None else (False, True)))
        for shift, mirrored in passes:
            given = functional.pad(images, (0, 0, shift, 0, shift, 0))
            for run, logits in network.by_slices(given.flip(2) if mirrored else given, SLICES):
                if mirrored:
                    logits = logits.flip(2)[:, swapped]
                logits = logits[:, :, shift:, shift:]
                if log_prior is not None:
                    logits = logits + log_prior[..., run]
                total[..., run] += functional.softmax(logits, dim=1)
        return total.div_(len(passes))

    evaluate = trained(network, weights, model.settings, memberships)

    def segment(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
        brain = torch.from_numpy(mask)
        scores = samples.plain_zscore(torch.from_numpy(images), brain)[None]
        box = brain_box(brain, samples.MARGINS)
        found = torch.zeros(brain.shape, dtype=torch.uint8)
        start = [] if network.prior is None else [prior.crop(network.prior, box, model.grid.spacing)]
        found[box] = likeliest(evaluate(scores[(..., *box)], *start)[0], brain[box])
        return found.numpy()

    return segment


def segment_subjects(
    models: Mapping[str, str],
    segmenters: Mapping[str, Segmenter],
    modalities: Sequence[str],
    subjects_folder: Path,
    output: Path,
) -> dict[str, str]:
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
    segmented: dict[str, str] = {}
    with io.atomic(output) as folder:
        for subject, model in models.items():
            paths = Subjects(subjects_folder, modalities).paths(subject)
            volumes, brain = [io.load_image(paths[name]) for name in modalities], io.load_labels(paths["mask"])
            for name, volume in zip(modalities, volumes, strict=True):
                io.require_same_grid(brain, paths["mask"], volume, paths[name])
            images = np.stack([np.asarray(volume.dataobj) for volume in volumes])
            found = segmenters[model](images, np.asarray(brain.dataobj) > 0)
            io.save(bids.path(folder, subject, bids.MAP), found, brain.affine, np.uint8)
            segmented |= {str(paths[name]): io.sha256(paths[name]) for name in [*modalities, "mask"]}
    return segmented
