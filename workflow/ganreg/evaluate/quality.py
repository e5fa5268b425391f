"""How good synthetic subjects are: likeness, diversity, anatomical fidelity, memorization, each beside a reference.

A new measure is a function, and a line of `measure`.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from monai.metrics.regression import MultiScaleSSIMMetric
from scipy import ndimage

from ganreg.errors import InputError
from ganreg.evaluate.cohort import Joined, Subject
from ganreg.evaluate.latent import structure_deviation, voxel_deviation
from ganreg.evaluate.sample_table import REFERENCES
from ganreg.synthesize.settings import Quality
from ganreg.volumes import overlap
from ganreg.volumes.normalize import SHIFT, zscore

# of the five scales of Wang et al. 2003
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SSIM_WINDOW = 11

# images (M, X, Y, Z) and brain mask (X, Y, Z) -> features (N, d), a row a slice; or -> label map (X, Y, Z)
Features = Callable[[np.ndarray, np.ndarray], np.ndarray]
Segment = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _mean_kernels(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of (x . y / d + 1)^3 over the rows of each of `first` and each of `second`: array (N, M)."""
    products = np.concatenate(first).astype(np.float64) @ np.concatenate(second).T
    kernel: np.ndarray = (products / first[0].shape[1] + 1) ** 3
    for axis, subjects in enumerate((first, second)):
        counts = np.array([len(rows) for rows in subjects])
        sums = np.add.reduceat(kernel, np.cumsum(counts) - counts, axis=axis)
        kernel = sums / np.expand_dims(counts, 1 - axis)
    return kernel


def kernel_distance(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    """Kernel distance (KID, Binkowski et al. 2018, arXiv:1801.01401): unbiased squared maximum mean discrepancy.

    The kernel is (x . y / d + 1)^3. Each subject brings many slices, which are not independent: what the estimator
    leaves out within a set is therefore all pairs of slices of one subject, not only a slice with itself. Subjects of
    one slice each give the distance as it was published.

    Parameters
    ----------
    first, second : lists of arrays (N, d), a subject's features each, a row a slice; at least two subjects

    Returns
    -------
    float: 0 in expectation where both come from one distribution, and then as often below as above

    Raises
    ------
    InputError
        If there are fewer than two subjects.
    """
    if min(len(first), len(second)) < 2:
        found = f"{len(first)} and {len(second)}"
        raise InputError(f"kernel distance: expected at least 2 subjects in both sets, found {found}")
    distance = -2 * _mean_kernels(first, second).mean()
    for subjects in (first, second):
        kernel = _mean_kernels(subjects, subjects)
        distance += (kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1))
    return float(distance)


def noise_like(subject: Subject, rng: np.random.Generator) -> Subject:
    """Gaussian noise in a subject's brain, of the brain's mean and standard deviation."""
    brain = subject["labels"] > 0
    noise = rng.standard_normal(subject["images"].shape)
    return {"images": np.stack([zscore(data, brain, "noise") for data in noise]), "labels": subject["labels"]}


def blurred(subject: Subject, sigma: float) -> Subject:
    """A subject smoothed inside its brain by a Gaussian of standard deviation `sigma` voxels, normalized anew."""
    brain = subject["labels"] > 0
    scores = np.where(brain, subject["images"] - SHIFT, 0)
    images = [zscore(ndimage.gaussian_filter(data, sigma), brain, "blurred") for data in scores]
    return {"images": np.stack(images), "labels": subject["labels"]}


def kernel_distances(
    samples: Sequence[Subject],
    real: Sequence[Subject],
    features: Features,
    settings: Quality,
    rng: np.random.Generator,
) -> dict[str, list[float]]:
    """Kernel distance of samples to real subjects, with references at the same number of subjects.

    The real subjects are split at random into two halves, several times: the samples are compared with one half, and so
    are the other half (the floor), noise in its brains, and its blurred images. Features are standardized by the real
    ones.

    Parameters
    ----------
    samples, real : sequences of subjects, at least two of each
    features : function (images, mask) -> array (N, d), a row a slice
    settings : Quality, of which `repeats` and `blur`
    rng : numpy.random.Generator

    Returns
    -------
    dict: reference -> distances of the splits
    """
    versions: dict[str, Iterable[Subject]] = {
        "samples": samples,
        "real": real,
        "noise": (noise_like(subject, rng) for subject in real),
        "blurred": (blurred(subject, settings.blur) for subject in real),
    }
    found = {
        key: [features(subject["images"], subject["labels"] > 0) for subject in subjects]
        for key, subjects in versions.items()
    }
    pooled = np.concatenate(found["real"])
    # a feature that is constant over real slices is left as it is
    mean, deviation = pooled.mean(axis=0), np.where(pooled.std(axis=0) > 0, pooled.std(axis=0), 1)
    found = {key: [(rows - mean) / deviation for rows in subjects] for key, subjects in found.items()}
    count = min(len(samples), len(real) // 2)
    distances: dict[str, list[float]] = {key: [] for key in REFERENCES}
    for _ in range(settings.repeats):
        order = rng.permutation(len(real))
        half, other = order[:count], order[count : 2 * count]
        chosen = {key: other for key in REFERENCES} | {"samples": rng.permutation(len(samples))[:count]}
        target = [found["real"][k] for k in half]
        for key in REFERENCES:
            distances[key].append(kernel_distance([found[key][k] for k in chosen[key]], target))
    return distances


def ms_ssim(first: Subject, second: Subject) -> float:
    """Multi-scale structural similarity (Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216) of two subjects' images.

    Of its five scales as many as fit the grid (three at 48 voxels along the shortest axis, two at 32), their weights
    scaled to sum to 1. The mean over modalities.

    Raises
    ------
    InputError
        If the grid is too small for one scale.
    """
    shape = first["images"].shape[1:]
    # MONAI asks for more room than the pyramid needs
    scales = [n for n in range(1, 6) if min(shape) // max(1, n - 1) ** 2 >= SSIM_WINDOW]
    if not scales:
        raise InputError(f"MS-SSIM: expected a grid of at least {SSIM_WINDOW} voxels along each axis, found {shape}")
    weights = np.array(SCALE_WEIGHTS[: scales[-1]])
    metric = MultiScaleSSIMMetric(3, data_range=2 * SHIFT, kernel_size=SSIM_WINDOW, weights=weights / weights.sum())
    values = metric(*(torch.from_numpy(subject["images"])[:, None] for subject in (first, second)))
    return float(torch.as_tensor(values).mean())


def diversity(subjects: Sequence[Subject], count: int, rng: np.random.Generator) -> float:
    """Mean MS-SSIM over pairs of subjects, `count` of them drawn at random if there are more: 1 if all are alike."""
    pairs = list(itertools.combinations(range(len(subjects)), 2))
    drawn = rng.permutation(len(pairs))[:count]
    return float(np.mean([ms_ssim(subjects[pairs[k][0]], subjects[pairs[k][1]]) for k in drawn]))


def fidelity(subjects: Iterable[Subject], segment: Segment, count: int) -> float:
    """Mean Dice of a segmentation of the images against the labels that they should show.

    Parameters
    ----------
    subjects : iterable of subjects
    segment : function (images, mask) -> int array (X, Y, Z)
    count : int
        Structures 1 ... `count` are compared.
    """
    scores = []
    for subject in subjects:
        found = segment(subject["images"], subject["labels"] > 0)
        # what is beyond `count` counts as background
        one, other = (np.where(labels > count, 0, labels) for labels in (subject["labels"], found))
        scores.append(np.nanmean(overlap.dice(one, other, count)))
    return float(np.mean(scores))


def normalized_correlation(first: Subject, second: Subject) -> float:
    """Normalized cross-correlation of two subjects inside either's brain, the mean over modalities."""
    inside = (first["labels"] > 0) | (second["labels"] > 0)
    values = []
    for one, other in zip(first["images"], second["images"], strict=True):
        # the mean of the brain outside it: the outlines alone would make all brains alike
        one, other = (np.where(data[inside] > 0, data[inside] - SHIFT, 0) for data in (one, other))
        values.append(np.corrcoef(one, other)[0, 1])
    return float(np.mean(values))


def correlations(subjects: Sequence[Subject], others: Iterable[Subject]) -> np.ndarray:
    """Normalized cross-correlation of each of the others with each subject: array (others, subjects)."""
    # each of the others is read once
    return np.array([[normalized_correlation(subject, other) for subject in subjects] for other in others])


def nearest(subjects: Sequence[Subject], others: Iterable[Subject]) -> np.ndarray:
    """Largest normalized cross-correlation of each subject with any other: array (N,); 1 for a copy."""
    largest: np.ndarray = correlations(subjects, others).max(axis=0)
    return largest


def measure(
    samples: Sequence[Subject],
    train: Sequence[Subject],
    test: Sequence[Subject],
    features: Features,
    segment: Segment,
    structures: int,
    settings: Quality,
) -> pd.DataFrame:
    """All measures of a fold's samples.

    Parameters
    ----------
    samples : sequence of subjects, the synthetic ones
    train, test : sequences of subjects, the fold's real ones
    features : function (images, mask) -> array (N, d)
    segment : function (images, mask) -> int array (X, Y, Z)
        Both of a network that has seen neither training nor test subjects.
    structures : int
        How many structures are compared; the rest of the brain, the last label, is left out.
    settings : Quality

    Returns
    -------
    pandas.DataFrame with columns measure, reference, value. Measures, and what `reference` beside `samples` means:

    - kernel_distance to real subjects, mean over the splits: `real` the floor, `noise`, `blurred`
    - kernel_distance_sd: its standard deviation over the splits
    - ms_ssim between pairs: `real`, of real subjects
    - fidelity_dice: `real`, of the test subjects; `noise` in their brains: what the network knows without an image
    - nearest_train_ncc, nearest_test_ncc: `real`, of each test subject to the training subjects and the reverse
    """
    rng = np.random.default_rng(settings.seed)
    real = Joined(train, test)
    rows = {}
    for key, distances in kernel_distances(samples, real, features, settings, rng).items():
        rows["kernel_distance", key] = float(np.mean(distances))
        rows["kernel_distance_sd", key] = float(np.std(distances))
    for key, subjects in (("samples", samples), ("real", real)):
        rows["ms_ssim", key] = diversity(subjects, settings.pairs, rng)
    shown: dict[str, Iterable[Subject]] = {"samples": samples, "real": test}
    shown["noise"] = (noise_like(subject, rng) for subject in test)
    for key, each in shown.items():
        rows["fidelity_dice", key] = fidelity(each, segment, structures)
    for name, own, others in (("train", train, test), ("test", test, train)):
        rows[f"nearest_{name}_ncc", "samples"] = float(nearest(samples, own).mean())
        rows[f"nearest_{name}_ncc", "real"] = float(nearest(others, own).mean())
    return _table(rows)


def measure_vectors(
    of_maps: Sequence[Sequence[Subject]], train: Sequence[Subject], structures: int, settings: Quality
) -> pd.DataFrame:
    """What the latent vector decides: measures of several samples of one label map, the mean over maps.

    Parameters
    ----------
    of_maps : list of sequences of subjects, samples of one map each
    train : sequence of subjects, the fold's real training subjects
    structures, settings : as of `measure`

    Returns
    -------
    pandas.DataFrame as of `measure`. Beside `samples` stand real subjects, which differ in anatomy, too:

    - vector_sd_voxels: standard deviation of a voxel over vectors; `real`, over subjects that have one structure there
    - vector_sd_structures: standard deviation of a structure's mean
    - vector_ms_ssim between pairs
    """
    rng = np.random.default_rng(settings.seed)
    rows = {}
    for key, groups in (("samples", of_maps), ("real", [train])):
        rows["vector_sd_voxels", key] = float(np.mean([voxel_deviation(each) for each in groups]))
        rows["vector_sd_structures", key] = float(np.mean([structure_deviation(each, structures) for each in groups]))
        rows["vector_ms_ssim", key] = float(np.mean([diversity(each, settings.pairs, rng) for each in groups]))
    return _table(rows)


def _table(rows: dict[tuple[str, str], float]) -> pd.DataFrame:
    return pd.DataFrame([(*key, value) for key, value in rows.items()], columns=["measure", "reference", "value"])
