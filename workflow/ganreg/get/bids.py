"""Which subjects a BIDS folder has; importable without the imaging packages, since the workflow plans with it."""

import re
from pathlib import Path

from ganreg.errors import InputError
from ganreg.get.settings import Bids
from ganreg.volumes.bids import participant

# the folders under data/ that are downloaded or converted, and whose list of subjects is written last
GETTABLE = ("ixi", "rire", "dicom")


def find_subjects(root: Path, pattern: str, modality: str) -> list[str]:
    """Subjects that have an image of a modality.

    Parameters
    ----------
    root : Path
    pattern : str
        Relative to `root`, with {subject} and {modality}.
    modality : str

    Returns
    -------
    sorted list of str, labels without "sub-"
    """
    relative = pattern.replace("{modality}", modality)
    expression = re.escape(relative).replace(re.escape("{subject}"), "(?P<subject>[A-Za-z0-9]+)", 1)
    expression = expression.replace(re.escape("{subject}"), "(?P=subject)")
    paths = (path.relative_to(root).as_posix() for path in Path(root).glob(relative.replace("{subject}", "*")))
    return sorted(found["subject"] for path in paths if (found := re.fullmatch(expression, path)))


def _root(description: Bids) -> Path:
    """The folder, which has to be there, and complete.

    Raises
    ------
    InputError
    """
    if description.root is None:
        raise InputError(f"{description.name}: expected the root of a BIDS folder, found null")
    root = Path(description.root)
    # the list of subjects comes last: without it some may still be missing
    if root.parent.name == "data" and root.name in GETTABLE and not (root / "participants.tsv").is_file():
        raise InputError(f"{root}: expected participants.tsv, the last file of a complete download, found none")
    if not root.is_dir():
        raise InputError(f"{root}: expected a BIDS folder, found none")
    return root


def _complete_subjects(root: Path, description: Bids, modalities: list[str]) -> list[str]:
    """The subjects that have an image of each modality; at least one."""
    found = [set(find_subjects(root, description.image, modality)) for modality in modalities]
    subjects = sorted(set.intersection(*found))
    if not subjects:
        example = description.image.format(subject="*", modality="|".join(modalities))
        sessions = sorted(path.relative_to(root).as_posix() for path in root.glob("sub-*/ses-*"))
        nested = f", but sessions: the pattern has to name one ({sessions[0]}/...)" if sessions else ""
        raise InputError(f"{root}: expected subjects with {example}, found none{nested}")
    return subjects


def _require_file(path: Path, subject: str) -> None:
    if not path.is_file():
        raise InputError(f"{path}: expected a file of {participant(subject)}, found none")


def select_subjects(description: Bids, modalities: list[str]) -> list[str]:
    """The subjects of an experiment: those that are listed, or all that have the images.

    Parameters
    ----------
    description : Bids
    modalities : list of str

    Returns
    -------
    sorted list of str

    Raises
    ------
    InputError
        If there is no folder, its download is not complete, it has no subject, or a subject lacks an image, labels or
        mask.
    """
    root = _root(description)
    subjects = description.subjects or _complete_subjects(root, description, modalities)
    derived = [pattern for pattern in (description.labels, description.mask) if pattern]
    for subject in subjects:
        for modality in modalities:
            _require_file(root / description.image.format(subject=subject, modality=modality), subject)
        for pattern in derived:
            _require_file(root / pattern.format(subject=subject), subject)
    return sorted(subjects)


def modalities_of(description: Bids, subjects: list[str], candidates: list[str]) -> dict[str, list[str]]:
    """Which of some modalities each subject has.

    Parameters
    ----------
    description : Bids
    subjects : list of str
    candidates : list of str

    Returns
    -------
    dict, subject -> list of str, in the order of `candidates`

    Raises
    ------
    InputError
        If there is no folder, its download is not complete, or a subject lacks an image of the reference modality.
    """
    root, found = _root(description), {}
    for subject in subjects:
        paths = {
            modality: root / description.image.format(subject=subject, modality=modality)
            for modality in {*candidates, description.reference}
        }
        _require_file(paths[description.reference], subject)
        found[subject] = [modality for modality in candidates if paths[modality].is_file()]
    return found


def left_out(description: Bids, modalities: list[str]) -> dict[str, list[str]]:
    """Subjects that the folder holds or lists and that lack an image, where none were asked for by name.

    Parameters
    ----------
    description, modalities : as for `select_subjects`

    Returns
    -------
    dict, modality -> sorted list of str
    """
    if description.subjects:
        return {}
    root = _root(description)
    found = {modality: set(find_subjects(root, description.image, modality)) for modality in modalities}
    known = set.union(*found.values(), _listed(root / "participants.tsv"))
    return {modality: sorted(known - having) for modality, having in found.items() if known - having}


def _listed(path: Path) -> set[str]:
    """Subjects of a BIDS `participants.tsv`; none where there is no such file."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[1:] if path.is_file() else []
    return {line.split("\t")[0].strip().removeprefix("sub-") for line in lines if line.strip()}
