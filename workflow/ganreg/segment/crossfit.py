"""Which RDNN segments whom: the two-fold cross-fit of a fold's training subjects."""

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


def models_of_subjects(fold: Fold) -> dict[str, str]:
    """The model that segments each of a fold's subjects: never one that was trained on that subject.

    A network is near perfect on what it was trained on. Its maps of training subjects would be unlike those that it
    makes of other subjects, and a network that is trained on such maps would fail on the others.

    Parameters
    ----------
    fold : dict, of `split.folds`

    Returns
    -------
    dict subject -> all, half1 or half2
    """
    trained = parts(fold)
    chosen = {subject: other for half, other in CROSS_FIT.items() for subject in trained[half]}
    return chosen | dict.fromkeys([*fold["validation"], *fold["test"]], "all")


def refuse_seen(models: Mapping[str, str], opened: Mapping[str, Mapping[str, str]], fold: Fold) -> None:
    """Refuse to segment a training or test subject with a model that was trained on it.

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
    for subject in sorted({*fold["train"], *fold["test"]} & set(models)):
        for path in opened[models[subject]]:
            if bids.subject_of(path) == subject:
                expected = f"expected a model that has not seen {bids.participant(subject)}"
                raise InputError(f"rdnn_{models[subject]}: {expected}, found {path}")
