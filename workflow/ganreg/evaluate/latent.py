"""How much the latent vector decides: images of one label map from several vectors, beside real subjects.

Real subjects never share a map. What stands beside samples of one map is therefore how real subjects differ where they
have the same structure.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from ganreg.evaluate.cohort import Subject

# smaller structures have no mean to speak of
LEAST_VOXELS = 5


def structure_means(subject: Subject, structures: int) -> np.ndarray:
    """Mean of each modality over each structure: array (M, structures); NaN where it has fewer than five voxels."""
    labels = subject["labels"].ravel()
    counts = np.bincount(labels, minlength=structures + 1)[1 : structures + 1]
    sums = [np.bincount(labels, image.ravel(), structures + 1)[1 : structures + 1] for image in subject["images"]]
    means: np.ndarray = np.where(counts >= LEAST_VOXELS, np.array(sums) / np.maximum(counts, 1), np.nan)
    return means


def structure_deviation(subjects: Sequence[Subject], structures: int) -> float:
    """Standard deviation between subjects of a structure's mean.

    Root mean square over modalities and the structures that all subjects have; NaN where there are none.
    """
    means = np.stack([structure_means(subject, structures) for subject in subjects])
    common = means[:, :, ~np.isnan(means).any(axis=(0, 1))]
    return float(np.sqrt(common.var(axis=0, ddof=1).mean())) if common.size else float("nan")


def voxel_deviation(subjects: Sequence[Subject]) -> float:
    """Standard deviation between subjects of a voxel where they have the same structure.

    Root mean square over voxels, modalities and pairs of subjects; half the squared difference of two is an unbiased
    variance. Of images of one map it is the deviation over the whole brain.
    """
    squares: list[float] = []
    for first, second in itertools.combinations(subjects, 2):
        same = (first["labels"] > 0) & (first["labels"] == second["labels"])
        squares.append(np.square(first["images"][:, same] - second["images"][:, same]).mean() / 2)
    return float(np.sqrt(np.mean(squares)))
