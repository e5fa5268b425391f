"""Sizes of the folds and of their pair lists; importable without NumPy, since the workflow needs them to plan."""

from typing import Literal


def test_sizes(subjects: int, folds: int) -> list[int]:
    """Number of test subjects of each fold, as even as can be, larger ones first."""
    return [subjects // folds + (index < subjects % folds) for index in range(folds)]


def rounds(pairs_per_subject: int | Literal["all"], subjects: int) -> int:
    """How often each of some subjects is fixed: as often as is asked for, or once with every other one."""
    return subjects - 1 if pairs_per_subject == "all" else pairs_per_subject
