"""Statistics over subjects: their values, intervals, paired comparisons, and Holm's correction.

Pairs share subjects, as fixed and as moving, and networks, but only within a fold: the means of folds are what varies
independently, but for two things. Training sets of folds overlap, and a training seed is the same in all folds.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

LEVEL = 0.95


def subject_means(frame: pd.DataFrame, column: str) -> pd.Series:
    """A subject's value: the mean over structures (and training seeds), then over the pairs in which it is fixed.

    Parameters
    ----------
    frame : pandas.DataFrame with method, fold, fixed, pair and `column`; a line for each structure, or each pair

    Returns
    -------
    pandas.Series indexed by (method, fold, fixed)
    """
    per_pair = frame.groupby(["method", "fold", "fixed", "pair"], sort=False)[column].mean()
    return per_pair.groupby(level=["method", "fold", "fixed"], sort=False).mean()


def seed_means(frame: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """Subjects' values by training seed.

    Parameters
    ----------
    frame : pandas.DataFrame as of `subject_means`, with `seed` where several were trained

    Returns
    -------
    dict method -> pandas.DataFrame indexed by (fold, fixed), a column for each seed of the table; a method that has the
    first one alone, as a tool, has the same values in all
    """
    seeded = frame if "seed" in frame else frame.assign(seed=1)
    seeds = sorted(seeded["seed"].unique())
    return {
        str(method): pd.DataFrame({seed: subject_means(part, column)[method] for seed, part in own.groupby("seed")})
        .reindex(columns=seeds)
        .ffill(axis=1)
        for method, own in seeded.groupby("method", sort=False)
    }


class Estimate(NamedTuple):
    """A mean over subjects, its 95 % interval, and the p value of the test that the interval inverts: against 0."""

    mean: float
    low: float
    high: float
    p: float


def estimate(values: pd.DataFrame, overlap: float) -> Estimate:
    """The mean over subjects, with an interval for other subjects, training sets and training seeds.

    Student's t of the folds' means, weighted by their subjects. The variance of the mean is that of independent folds,
    times 1 + `overlap` x number of folds for training sets that folds share (Nadeau and Bengio 2003,
    doi:10.1023/A:1024068626366, who take two folds' results to correlate as much as one fold has of all subjects),
    plus that of independent seeds; degrees of freedom after Satterthwaite (1946, doi:10.2307/3002019).

    Parameters
    ----------
    values : pandas.DataFrame, indexed by `fold` and subject, a column for each training seed
    overlap : float, as `Design.overlap` gives it

    Returns
    -------
    Estimate; without interval and p value (NaN) where there are not two folds, without p value where all values are 0
    """
    numbers = values.to_numpy(float)
    mean = float(numbers.mean()) if len(numbers) else np.nan
    _, fold, sizes = np.unique(values.index.get_level_values("fold"), return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return Estimate(mean, np.nan, np.nan, np.nan)
    weights, of_folds = sizes / len(numbers), np.bincount(fold, numbers.mean(axis=1)) / sizes
    # one over the number of folds, where these are of one size
    share = float((weights**2).sum())
    between = float((weights**2 * (of_folds - mean) ** 2).sum()) / (1 - share)
    parts, degrees = [between * (1 + overlap / share)], [len(sizes) - 1]
    if (seeds := numbers.shape[1]) > 1:
        parts.append(float(numbers.mean(axis=0).var(ddof=1)) / seeds)
        degrees.append(seeds - 1)
    variance = sum(parts)
    if variance == 0:
        return Estimate(mean, mean, mean, 0.0 if mean else np.nan)
    freedom = variance**2 / sum(part**2 / degree for part, degree in zip(parts, degrees, strict=True))
    error = variance**0.5
    half = error * float(special.stdtrit(freedom, (1 + LEVEL) / 2))
    return Estimate(mean, mean - half, mean + half, 2 * float(special.stdtr(freedom, -abs(mean) / error)))


def holm(p_values: npt.ArrayLike) -> np.ndarray:
    """Holm's step-down correction; NaN stays NaN and does not count.

    Parameters
    ----------
    p_values : array (N,)

    Returns
    -------
    array (N,)
    """
    given = np.asarray(p_values, dtype=float)
    result = np.full(len(given), np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * given[index]))
        result[index] = running
    return result


# of a comparison; p_holm is corrected once all p values of a table are known
COMPARISON = ["diff_reference", "ci_low", "ci_high", "p_holm", "effect_size"]


def comparison(reference: pd.DataFrame, values: pd.DataFrame, overlap: float) -> dict[str, float]:
    """Paired difference reference - method over subjects: its `estimate`, and Cohen's d of the subjects' differences.

    Parameters
    ----------
    reference, values : pandas.DataFrame, indexed by fold and subject, a column for each training seed
    overlap : float, as `Design.overlap` gives it

    Returns
    -------
    dict with `COMPARISON`; p_holm is the p value before Holm's correction
    """
    difference = (reference - values.reindex(reference.index)).dropna()
    found, spread = estimate(difference, overlap), difference.mean(axis=1).std(ddof=1)
    return dict(zip(COMPARISON, (*found, found.mean / spread if spread > 0 else np.nan), strict=True))
