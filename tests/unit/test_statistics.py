"""Intervals and p values, on numbers that can be checked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ganreg.evaluate import statistics
from ganreg.evaluate.settings import Design


def subjects(values, folds):
    """Values of subjects as `seed_means` gives them; a value may be a list, one number for each seed."""
    index = pd.MultiIndex.from_tuples(
        [(fold, str(number)) for number, fold in enumerate(folds)], names=["fold", "fixed"]
    )
    return pd.DataFrame(values, index)


def test_holm_against_a_worked_example():
    corrected = statistics.holm([0.01, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(corrected, [0.03, 0.06, np.nan, 0.06])


def test_an_interval_is_students_of_the_folds_means():
    values, folds = np.random.default_rng(0).normal(0.5, 1, 15), np.repeat([1, 2, 3, 4, 5], 3)
    means = values.reshape(5, 3).mean(axis=1)
    found, expected = statistics.estimate(subjects(values, folds), 0), stats.ttest_1samp(means, 0)
    interval = expected.confidence_interval()
    assert found == pytest.approx((values.mean(), interval.low, interval.high, expected.pvalue))
    # what varies within folds alone does not count
    balanced = subjects([0.0, 1.0, 0.0, 1.0], [1, 1, 2, 2])
    assert statistics.estimate(balanced, 0) == (0.5, 0.5, 0.5, 0)


def test_training_sets_that_folds_share_widen_an_interval_as_nadeau_and_bengio_say():
    values, folds = np.random.default_rng(0).normal(size=15), np.repeat([1, 2, 3, 4, 5], 3)
    design = Design(folds=5, trained=["unet_none"])
    tools, network = (design.overlap(method, "syn_mi") for method in ("niftyreg_nmi", "unet_none"))
    plain, wider = (statistics.estimate(subjects(values, folds), each) for each in (tools, network))
    # 1/5 of the folds' variance, and 1/5 + 3 test subjects / 12 others
    assert (wider.high - wider.mean) / (plain.high - plain.mean) == pytest.approx(((1 / 5 + 3 / 12) / (1 / 5)) ** 0.5)


def test_training_seeds_count_where_there_are_several():
    folds = [1, 1, 2, 2, 3, 3]
    one = np.array([[0.1], [0.3], [0.2], [0.6], [0.5], [0.1]])
    plain = statistics.estimate(subjects(one, folds), 0)
    # seeds that do not differ change nothing
    assert statistics.estimate(subjects(np.repeat(one, 3, axis=1), folds), 0) == pytest.approx(plain)
    # two parts of the mean's variance, one of three folds and one of three seeds, with two degrees of freedom each
    seeds = np.array([-0.2, 0.0, 0.2])
    found = statistics.estimate(subjects(one + seeds, folds), 0)
    parts = np.array([0.2, 0.4, 0.3]).var(ddof=1) / 3, seeds.var(ddof=1) / 3
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 2)
    assert found.mean == pytest.approx(0.3)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, freedom) * sum(parts) ** 0.5)


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 3), st.floats(-1.5, 1.5), st.sampled_from([0, 0.25]))
def test_an_interval_holds_zero_unless_p_is_below_05(seed, count, seeds, shift, overlap):
    rng = np.random.default_rng(seed)
    folds = np.repeat(np.arange(count), rng.integers(1, 4, count))
    found = statistics.estimate(subjects(rng.normal(shift, 1, (len(folds), seeds)), folds), overlap)
    assert (found.low > 0 or found.high < 0) == (found.p < 0.05)
    assert found.low < found.mean < found.high


def test_there_is_no_interval_of_one_fold_and_no_p_of_no_difference():
    mean, *others = statistics.estimate(subjects([1.0, 2.0], [1, 1]), 0)
    assert mean == 1.5
    assert np.isnan(others).all()
    assert np.isnan(statistics.estimate(subjects(np.zeros((0, 1)), []), 0)).all()
    *interval, p = statistics.estimate(subjects([0.0, 0.0], [1, 2]), 0)
    assert interval == [0, 0, 0]
    assert np.isnan(p)
