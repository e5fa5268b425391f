"""Nothing is measured on a subject that the model was trained on."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ganreg import io
from ganreg.errors import InputError
from ganreg.split.folds import Fold
from ganreg.volumes import bids


def refuse_leakage(manifests: Iterable[Path], folds: Sequence[Fold], files_of: Callable[[str], Iterable[Path]]) -> None:
    """Refuse a model that was trained on a file of one of its fold's test subjects, under whatever name.

    Parameters
    ----------
    manifests : list of Path
        What the models' data loaders opened: `fold`, and `opened`, path -> SHA-256.
    folds : list of dict, of `split.folds`
    files_of : function (subject) -> paths of the subject's images and labels, as they could be trained on

    Raises
    ------
    InputError
        Naming model, file and subject.
    """
    by_number = {fold["fold"]: fold for fold in folds}
    for path in manifests:
        manifest = io.read_json(path)
        for subject in by_number[manifest["fold"]]["test"]:
            digests = {io.sha256(file) for file in files_of(subject)}
            for opened, digest in manifest["opened"].items():
                if bids.subject_of(opened) == subject or digest in digests:
                    who = bids.participant(subject)
                    raise InputError(
                        f"{path}: expected no test subject among the training files, found {who}: {opened}"
                    )


def training_files(subjects: Path, subject: str) -> list[Path]:
    """A preprocessed subject's images and labels, as they could be trained on; `subjects` is the folder of all."""
    labels = bids.path(subjects, subject, bids.DSEG)
    images = labels.parent.glob(bids.path(subjects, subject, bids.preprocessed("*")).name)
    return [*images, labels]
