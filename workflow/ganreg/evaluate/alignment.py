"""How well preprocessed subjects lie in the template's space, and which stand out."""

import numpy as np

# of the median absolute deviation: that of a normal distribution's standard deviation
MAD = 1.4826
# deviations below the median, and the least deviation that counts: masks of one program agree to about so much
DEVIATIONS, LEAST = 3.5, 0.005


def outliers(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Values far below the others: by more than 3.5 robust deviations of the median.

    Parameters
    ----------
    values : array (N,)

    Returns
    -------
    bool array (N,)
    limit : float, below which a value is an outlier
    """
    median = np.median(values)
    limit = median - DEVIATIONS * max(MAD * np.median(np.abs(values - median)), LEAST)
    return values < limit, float(limit)
