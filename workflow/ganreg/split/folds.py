"""Seeded, subject-disjoint folds and cyclic pair lists."""

import hashlib
import json

import numpy as np

from ganreg.errors import InputError
from ganreg.split.sizes import test_sizes

# moving modalities of pairs of different patients; PET shows too little anatomy
BETWEEN = ("T2w", "ct")


def _pair(moving, fixed):
    return {"pair": f"sub-{moving}_to_sub-{fixed}", "moving": moving, "fixed": fixed}


def cyclic_pairs(rng, subjects, rounds):
    """Pairs along seeded cycles: in each round every subject is once fixed and once moving, no pair comes twice.

    Parameters
    ----------
    rng : numpy.random.Generator
    subjects : list of str
    rounds : int, fewer than the number of subjects

    Returns
    -------
    list of dict with pair, moving, fixed
    """
    order = [subjects[index] for index in rng.permutation(len(subjects))]
    # a shift by r along one fixed order gives other pairs for each r
    return [
        _pair(order[(index + shift) % len(order)], fixed)
        for shift in range(1, rounds + 1)
        for index, fixed in enumerate(order)
    ]


def task_pairs(rng, subjects, task):
    """The pairs of a task over a list of subjects.

    Raises
    ------
    InputError
        If inter_subject has not more subjects than `pairs_per_subject`.
    """
    if task["pairs"] == "within_subject":
        return [_pair(subject, subject) for subject in subjects]
    if task["pairs"] == "atlas_to_subject":
        return [_pair(task["atlas"], subject) for subject in subjects]
    if len(subjects) <= task["pairs_per_subject"]:
        expected = task["pairs_per_subject"] + 1
        raise InputError(f"split: expected at least {expected} subjects to pair with each other, found {len(subjects)}")
    return cyclic_pairs(rng, subjects, task["pairs_per_subject"])


def _validation_pairs(rng, validation, train, task):
    """Cyclic pairs of the validation subjects; a single one is paired with a training subject, both ways."""
    if task["pairs"] == "inter_subject" and len(validation) == 1:
        other = train[int(rng.integers(len(train)))]
        return [_pair(other, validation[0]), _pair(validation[0], other)]
    return task_pairs(rng, validation, {**task, "pairs_per_subject": 1})


def select(content, name):
    """One fold of `make_folds`, by its number, with all training subjects or, as in 1n3, with 3 of them.

    The 3 are among the 6 of 1n6.

    Parameters
    ----------
    content : dict, as `make_folds` gives it
    name : str

    Raises
    ------
    InputError
        If there is no such fold, or it has not as many training subjects.
    """
    number, _, size = name.partition("n")
    for fold in content["folds"]:
        if str(fold["fold"]) == number and (not size or int(size) <= len(fold["drawn"])):
            return {**fold, "train": sorted(fold["drawn"][: int(size)])} if size else fold
    raise InputError(f"folds: expected fold {name}, found {[fold['fold'] for fold in content['folds']]}")


def make_folds(subjects, split, task):
    """Divide subjects into folds with train, validation and test sets and their pairs.

    Parameters
    ----------
    subjects : list of str
        Sorted here, so that the order of a listing does not matter; an atlas among them is left out.
    split : dict
        `folds`, `validation_subjects`, `seed`.
    task : dict
        `pairs`, `pairs_per_subject`, `atlas`.

    Returns
    -------
    dict
        `folds`: for each fold its number (from 1), train, validation, test, pairs (of the test set), validation_pairs,
        and drawn, the training subjects in the order in which smaller training sets take them; `hash`: 12 digits of the
        SHA-256 of all but that order, which every table carries.

    Raises
    ------
    InputError
        If there are too few subjects.
    """
    atlas = task["atlas"] if task["pairs"] == "atlas_to_subject" else None
    ordered = sorted(set(subjects) - {atlas})
    count, held = split["folds"], split["validation_subjects"]
    if len(ordered) < count:
        raise InputError(f"split: expected at least as many subjects as folds, {count}, found {len(ordered)}")
    rng = np.random.default_rng(split["seed"])
    shuffled = [ordered[index] for index in rng.permutation(len(ordered))]
    starts = np.cumsum([0, *test_sizes(len(ordered), count)])
    folds = []
    for number in range(1, count + 1):
        test = shuffled[starts[number - 1] : starts[number]]
        # the subjects after the test set, around the circle: validation sets differ between folds
        others = shuffled[starts[number] :] + shuffled[: starts[number - 1]]
        validation, train = others[:held], others[held:]
        # a generator of its own, so that the order changes no fold
        drawn = np.random.default_rng([split["seed"], number]).permutation(sorted(train)).tolist()
        if len(train) < 2:
            raise InputError(f"split: expected at least 2 training subjects in fold {number}, found {len(train)}")
        folds.append(
            {
                "fold": number,
                "train": sorted(train),
                "validation": sorted(validation),
                "test": sorted(test),
                "pairs": task_pairs(rng, test, task),
                "validation_pairs": _validation_pairs(rng, validation, train, task),
                "drawn": drawn,
            }
        )
    decisive = [{key: value for key, value in fold.items() if key != "drawn"} for fold in folds]
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]
    return {"folds": folds, "hash": digest}


def patient_folds(modalities, count, seed):
    """Divide patients into folds and list what is registered in each; nothing is trained on them.

    Parameters
    ----------
    modalities : dict, patient -> list of the modalities beside T1w
    count, seed : int

    Returns
    -------
    dict
        `folds`: for each its number (from 1), test, and pairs: pair, moving, fixed, modality (the moving image's; the
        fixed one is T1w), and task: `between` patients, T2w and CT along seeded cycles, or `within` one.

    Raises
    ------
    InputError
        If a fold would have fewer than two patients.
    """
    ordered = sorted(modalities)
    if len(ordered) < 2 * count:
        raise InputError(f"patients: expected at least {2 * count} for {count} folds, found {len(ordered)}")
    rng = np.random.default_rng(seed)
    shuffled = [ordered[index] for index in rng.permutation(len(ordered))]
    starts = np.cumsum([0, *test_sizes(len(ordered), count)])
    folds = []
    for number in range(1, count + 1):
        test = shuffled[starts[number - 1] : starts[number]]
        cycle = [(each, modality) for each in cyclic_pairs(rng, test, 1) for modality in BETWEEN]
        within = [(_pair(patient, patient), modality) for patient in sorted(test) for modality in modalities[patient]]
        pairs = [
            {**pair, "pair": f"{pair['pair']}_{modality}", "modality": modality, "task": task}
            for task, chosen in (("between", cycle), ("within", within))
            for pair, modality in chosen
            if modality in modalities[pair["moving"]]
        ]
        folds.append({"fold": number, "test": sorted(test), "pairs": pairs})
    return {"folds": folds}
