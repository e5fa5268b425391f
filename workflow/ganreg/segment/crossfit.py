"""Which RDNN segments whom: one for all of a fold's subjects, or a two-fold cross-fit of the training subjects."""

from collections.abc import Mapping

from ganreg.errors import InputError
from ganreg.split.folds import Fold
from ganreg.volumes import bids

# part of the training subjects -> the model that segments them without having seen them
CROSS_FIT = {"half1": "half2", "half2": "half1"}


def parts(fold: Fold) -> dict[str, list[str]]:
    """Subjects that each model is trained on: all training subjects, the two halves of the cross-fit, validation.

    The last measures synthetic subjects: it has seen neither the subjects that they are made from nor test subjects.

    Parameters
    ----------
    fold : dict, of `split.folds`
    """
    ordered = sorted(fold["train"])
    middle = (len(ordered) + 1) // 2
    halves = {"half1": ordered[:middle], "half2": ordered[middle:]}
    return {"all": ordered, **halves, "validation": sorted(fold["validation"])}


def models_of_subjects(fold: Fold, cross_fit: bool) -> dict[str, str]:
    """The model that segments each of a fold's subjects.

    Parameters
    ----------
    fold : dict, of `split.folds`
    cross_fit : bool
        Whether training subjects are segmented by a model that has not seen them. A network is near perfect on what it
        was trained on; where others' maps are met later, as the GAN's never are, that matters.

    Returns
    -------
    dict subject -> all, half1 or half2
    """
    everyone = [*fold["train"], *fold["validation"], *fold["test"]]
    if not cross_fit:
        return dict.fromkeys(everyone, "all")
    trained = parts(fold)
    chosen = {subject: other for half, other in CROSS_FIT.items() for subject in trained[half]}
    return chosen | dict.fromkeys([*fold["validation"], *fold["test"]], "all")


def refuse_seen(models: Mapping[str, str], opened: Mapping[str, Mapping[str, str]], fold: Fold) -> None:
    """Refuse a model that was trained on one of its test subjects, or, if it is not that of all, on a training subject.

    Validation subjects chose the weights of every model of their fold: theirs are not held back.

    Parameters
    ----------
    models : dict subject -> name of the model
    opened : dict name -> {path: SHA-256} of the files that the model's data loader opened
    fold : dict, of `split.folds`

    Raises
    ------
    InputError
        Naming model, subject and file.
    """
    held_back = {subject for subject in fold["train"] if models.get(subject, "all") != "all"}
    for subject in sorted({*held_back, *fold["test"]} & set(models)):
        for path in opened[models[subject]]:
            if bids.subject_of(path) == subject:
                expected = f"expected a model that has not seen {bids.participant(subject)}"
                raise InputError(f"rdnn_{models[subject]}: {expected}, found {path}")
