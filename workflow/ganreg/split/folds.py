"""Seeded, subject-disjoint folds and cyclic pair lists."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ganreg.errors import InputError
from ganreg.split.settings import Folds, Task
from ganreg.split.sizes import rounds, test_sizes
from ganreg.volumes import bids

Pair = dict[str, str]
Fold = dict[str, Any]


def _pair(moving: str, fixed: str) -> Pair:
    return {"pair": bids.pair(moving, fixed), "moving": moving, "fixed": fixed}


def cyclic_pairs(rng: np.random.Generator, subjects: Sequence[str], times: int) -> list[Pair]:
    """Pairs along seeded cycles: in each of them every subject is once fixed and once moving, no pair comes twice.

    Parameters
    ----------
    rng : numpy.random.Generator
    subjects : list of str
    times : int, fewer than the number of subjects; one fewer: all ordered pairs

    Returns
    -------
    list of dict with pair, moving, fixed
    """
    order = [subjects[index] for index in rng.permutation(len(subjects))]
    # a shift by r along one fixed order gives other pairs for each r
    return [
        _pair(order[(index + shift) % len(order)], fixed)
        for shift in range(1, times + 1)
        for index, fixed in enumerate(order)
    ]


def task_pairs(rng: np.random.Generator, subjects: Sequence[str], task: Task) -> list[Pair]:
    """The pairs of a task over a list of subjects.

    Raises
    ------
    InputError
        If inter_subject has not more subjects than `pairs_per_subject`, or a single one.
    """
    if task.pairs == "within_subject":
        return [_pair(subject, subject) for subject in subjects]
    if task.pairs == "atlas_to_subject":
        return [_pair(task.atlas, subject) for subject in subjects]
    times = rounds(task.pairs_per_subject, len(subjects))
    if len(subjects) <= max(times, 1):
        expected = max(times, 1) + 1
        raise InputError(f"split: expected at least {expected} subjects to pair with each other, found {len(subjects)}")
    return cyclic_pairs(rng, subjects, times)


def _validation_pairs(
    rng: np.random.Generator, validation: Sequence[str], train: Sequence[str], task: Task
) -> list[Pair]:
    """Cyclic pairs of the validation subjects; a single one is fixed and moving with one training subject."""
    if task.pairs == "inter_subject" and len(validation) == 1:
        other = train[int(rng.integers(len(train)))]
        return [_pair(other, validation[0]), _pair(validation[0], other)]
    return task_pairs(rng, validation, task.model_copy(update={"pairs_per_subject": 1}))


def select(content: Mapping[str, Any], name: str) -> Fold:
    """One fold of `make_folds`, by its number, with all training subjects or, as in 1n3, with 3 of them.

    The 3 are among the 6 of 1n6. A further training seed, as in 1s2, has the same fold.

    Parameters
    ----------
    content : dict, as `make_folds` gives it
    name : str

    Raises
    ------
    InputError
        If there is no such fold, or it has not as many training subjects.
    """
    number, _, size = name.partition("s")[0].partition("n")
    for fold in content["folds"]:
        if str(fold["fold"]) == number and (not size or int(size) <= len(fold["drawn"])):
            chosen = {"train": sorted(fold["drawn"][: int(size)])} if size else {}
            return {**fold, **chosen}
    raise InputError(f"folds: expected fold {name}, found {[fold['fold'] for fold in content['folds']]}")


def _shuffled(rng: np.random.Generator, subjects: Sequence[str], count: int) -> tuple[list[str], list[int]]:
    """Subjects in random order, and where the test set of each fold starts among them; last, where the last stops."""
    shuffled = [subjects[index] for index in rng.permutation(len(subjects))]
    return shuffled, np.cumsum([0, *test_sizes(len(subjects), count)]).tolist()


def make_folds(subjects: Iterable[str], split: Folds, task: Task) -> dict[str, Any]:
    """Divide subjects into folds with train, validation and test sets and their pairs.

    Parameters
    ----------
    subjects : list of str
        Sorted here, so that the order of a listing does not matter; an atlas among them is left out.
    split : Folds
    task : Task

    Returns
    -------
    dict
        `folds`: for each fold its number (from 1), train, validation, test, pairs (of the test set), validation_pairs,
        and drawn, the training subjects in the order in which smaller training sets take them; `hash`: 12 digits of the
        SHA-256 of all but that order, which every table has.

    Raises
    ------
    InputError
        If there are too few subjects.
    """
    atlas = {task.atlas} if task.pairs == "atlas_to_subject" else set()
    ordered = sorted(set(subjects) - atlas)
    if len(ordered) < split.folds:
        raise InputError(f"split: expected at least as many subjects as folds, {split.folds}, found {len(ordered)}")
    rng = np.random.default_rng(split.seed)
    shuffled, starts = _shuffled(rng, ordered, split.folds)
    folds = []
    for number in range(1, split.folds + 1):
        test = shuffled[starts[number - 1] : starts[number]]
        # the subjects after the test set, around the circle: validation sets differ between folds
        others = shuffled[starts[number] :] + shuffled[: starts[number - 1]]
        validation, train = others[: split.validation_subjects], others[split.validation_subjects :]
        # a generator of its own, so that the order changes no fold
        drawn = np.random.default_rng([split.seed, number]).permutation(sorted(train)).tolist()
        if len(train) < 2:
            raise InputError(f"split: expected at least 2 training subjects in fold {number}, found {len(train)}")
        fold: Fold = {"fold": number}
        fold |= {"train": sorted(train), "validation": sorted(validation), "test": sorted(test)}
        fold["pairs"] = task_pairs(rng, test, task)
        fold["validation_pairs"] = _validation_pairs(rng, validation, train, task)
        folds.append({**fold, "drawn": drawn})
    decisive = [{key: value for key, value in fold.items() if key != "drawn"} for fold in folds]
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
    return {"folds": folds, "hash": digest}


def external_folds(
    modalities: Mapping[str, Sequence[str]],
    between: Sequence[str],
    within: Sequence[str],
    folds: int,
    seed: int,
) -> dict[str, Any]:
    """Divide a second data set's subjects into folds and list what is registered in each; nothing is trained on them.

    Parameters
    ----------
    modalities : dict, subject -> list of the modalities beside the reference, which is fixed in every pair
    between : list of str
        Modalities that are moving in pairs of two subjects, along seeded cycles.
    within : list of str
        Modalities that are moving onto the reference of the same subject.
    folds, seed : int

    Returns
    -------
    dict
        `folds`: for each its number (from 1), test, and pairs: pair, moving, fixed, modality (the moving image's), and
        task: `between` subjects, or `within` one.

    Raises
    ------
    InputError
        If a fold would have fewer than two subjects.
    """
    if len(modalities) < 2 * folds:
        raise InputError(f"folds: expected at least {2 * folds} subjects for {folds} folds, found {len(modalities)}")
    rng = np.random.default_rng(seed)
    shuffled, starts = _shuffled(rng, sorted(modalities), folds)
    content = []
    for number in range(1, folds + 1):
        test = shuffled[starts[number - 1] : starts[number]]
        cycle = cyclic_pairs(rng, test, 1)
        chosen = [("between", pair, modality) for pair in cycle for modality in between]
        chosen += [
            ("within", _pair(subject, subject), modality)
            for subject in sorted(test)
            for modality in modalities[subject]
            if modality in within
        ]
        pairs = [
            {**pair, "pair": f"{pair['pair']}_{modality}", "modality": modality, "task": task}
            for task, pair, modality in chosen
            if modality in modalities[pair["moving"]]
        ]
        content.append({"fold": number, "test": sorted(test), "pairs": pairs})
    return {"folds": content}
