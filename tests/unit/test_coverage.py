"""Intervals hold what they say: coverage and false positives where the truth is known (benchmarks/coverage.py)."""

import importlib.util

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def coverage():
    """The script that simulates experiments; `coverage` is another package's name."""
    spec = importlib.util.spec_from_file_location("interval_coverage", ROOT / "benchmarks" / "coverage.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_intervals_hold_the_truth_and_nothing_is_found_where_nothing_is(coverage):
    *sources, beyond = coverage.SOURCES
    assert beyond.training > 1
    found = coverage.table(2000, sources)
    print(found.round(3).to_string(index=False))
    assert len(found) == 20
    assert (found["holds"] >= 0.93).all()
    assert (found["p_below_05"] <= 0.06).all()
    # as narrow as can be with five folds, where nothing is corrected: the mean of 2.78 standard errors of four degrees
    # of freedom is 1.33 times 1.96 known ones
    tools = found[found["differences_of"] == "tools"]
    assert tools["width"].tolist() == pytest.approx([1.33] * 4, abs=0.05)
