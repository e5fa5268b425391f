"""Sizes of the folds; importable without NumPy, since the workflow needs them to plan."""


def test_sizes(subjects: int, folds: int) -> list[int]:
    """Number of test subjects of each fold, as even as can be, larger ones first."""
    return [subjects // folds + (index < subjects % folds) for index in range(folds)]
