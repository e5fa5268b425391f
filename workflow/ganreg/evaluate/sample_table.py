"""The table of sample quality, from the folds' measurements."""

import pandas as pd

# what a measure's value of the samples is read beside
REFERENCES = ["samples", "real", "noise", "blurred"]


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """Table of sample quality: means over folds.

    Parameters
    ----------
    measured : pandas.DataFrame with columns fold, kind, measure, reference, value

    Returns
    -------
    pandas.DataFrame with columns kind, measure, samples, sd_folds (of the samples' values), real, noise, blurred (NaN
    where a measure has no such reference); kinds and measures in order of appearance
    """
    grouped = measured.groupby(["kind", "measure", "reference"], sort=False)["value"]
    means = grouped.mean().unstack("reference").reindex(columns=REFERENCES)
    spread = grouped.std().unstack("reference")["samples"]
    order = measured[["kind", "measure"]].drop_duplicates()
    table = means.assign(sd_folds=spread)[["samples", "sd_folds", *REFERENCES[1:]]]
    return order.merge(table.reset_index(), on=["kind", "measure"])
