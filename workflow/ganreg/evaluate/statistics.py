"""Statistics over subjects: their values, intervals, paired comparisons, and Holm's correction."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ganreg.evaluate.settings import Bootstrap

LEVEL = 0.95


def subject_means(frame: pd.DataFrame, column: str) -> pd.Series:
    """A subject's value: the mean over structures, then over the pairs in which it is fixed.

    Parameters
    ----------
    frame : pandas.DataFrame with method, fold, fixed, pair and `column`; a line for each structure

    Returns
    -------
    pandas.Series indexed by (method, fold, fixed)
    """
    per_pair = frame.groupby(["method", "fold", "fixed", "pair"], sort=False)[column].mean()
    return per_pair.groupby(level=["method", "fold", "fixed"], sort=False).mean()


def bootstrap_interval(values: np.ndarray, folds: np.ndarray, settings: Bootstrap) -> tuple[float, float]:
    """Percentile interval (95 %) of the mean, resampling subjects within folds.

    Parameters
    ----------
    values, folds : arrays of one length
    settings : Bootstrap

    Returns
    -------
    low, high : float; NaN where there are no values
    """
    parts = [values[folds == fold] for fold in np.unique(folds)]
    # a fold of one subject is the same in every resample, and `bootstrap` refuses it
    alone, several = ([part for part in parts if (len(part) > 1) == many] for many in (False, True))
    constant = sum(float(part[0]) for part in alone)
    if not several:
        mean = constant / len(values) if len(values) else np.nan
        return mean, mean

    def mean_of_all(*samples: np.ndarray, axis: int) -> np.ndarray:
        total: np.ndarray = constant + sum(sample.sum(axis=axis) for sample in samples)
        return total / len(values)

    found = stats.bootstrap(
        several,
        mean_of_all,
        n_resamples=settings.bootstrap,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(settings.seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def mean_interval(values: pd.Series, settings: Bootstrap) -> tuple[float, float, float]:
    """The mean over subjects and its 95 % `bootstrap_interval`.

    Parameters
    ----------
    values : pandas.Series, indexed by `fold` among others
    settings : Bootstrap

    Returns
    -------
    mean, low, high : float
    """
    folds = values.index.get_level_values("fold").to_numpy()
    return float(values.mean()), *bootstrap_interval(values.to_numpy(), folds, settings)


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


def comparison(reference: pd.Series, values: pd.Series, settings: Bootstrap) -> dict[str, float]:
    """Paired difference reference - method over subjects: mean, interval, Wilcoxon p, Cohen d of the differences.

    Parameters
    ----------
    reference, values : pandas.Series, indexed by fold and subject
    settings : Bootstrap

    Returns
    -------
    dict with `COMPARISON`; p_holm is the p value before Holm's correction
    """
    difference = (reference - values.reindex(reference.index)).dropna()
    mean, low, high = mean_interval(difference, settings)
    p = stats.wilcoxon(difference).pvalue if (difference != 0).any() and len(difference) > 1 else np.nan
    spread = difference.std(ddof=1)
    effect = mean / spread if spread > 0 else np.nan
    return dict(zip(COMPARISON, (mean, low, high, float(p), effect), strict=True))
