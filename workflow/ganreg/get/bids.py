"""The index of a user's BIDS folder; importable without the imaging packages, since the workflow needs it to plan."""

import csv
import re
from pathlib import Path

from ganreg.errors import InputError

# of the patients of a second data set; the others are registered to the first
PATIENT_MODALITIES = ["T1w", "T2w", "ct", "pet"]

# the folders under data/ that `make data` makes
GETTABLE = ("ixi", "rire", "dicom")


def find_subjects(root, pattern, modality):
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


def select_subjects(options, modalities):
    """The subjects of an experiment.

    Parameters
    ----------
    options : dict, block `bids` of the configuration
    modalities : list of str

    Returns
    -------
    sorted list of str

    Raises
    ------
    InputError
        If there is no folder, no subject, or a listed subject lacks a file; if `make data` has not finished the folder.
    """
    root = Path(options["root"])
    # its list of subjects comes last: without it some may still be missing
    if root.parent.name == "data" and root.name in GETTABLE and not (root / "participants.tsv").is_file():
        command = f"`make data DATA={root.name}`"
        raise InputError(f"{root}: expected participants.tsv, the last file that {command} writes, found none")
    if not root.is_dir():
        raise InputError(f"{root}: expected a BIDS folder (bids.root), found none")
    subjects = options["subjects"]
    if not subjects:
        found = [set(find_subjects(root, options["image"], modality)) for modality in modalities]
        subjects = sorted(set.intersection(*found))
        if not subjects:
            example = options["image"].format(subject="*", modality="|".join(modalities))
            sessions = sorted(path.relative_to(root).as_posix() for path in root.glob("sub-*/ses-*"))
            nested = f", but sessions: name one in bids.image ({sessions[0]}/...)" if sessions else ""
            raise InputError(f"{root}: expected subjects with {example}, found none{nested}")
    for subject in subjects:
        wanted = [options["image"].format(subject=subject, modality=modality) for modality in modalities]
        wanted += [options[key].format(subject=subject) for key in ("labels", "mask") if options[key]]
        for relative in wanted:
            if not (root / relative).is_file():
                raise InputError(f"{root / relative}: expected a file of sub-{subject}, found none")
    return sorted(subjects)


def left_out(options, modalities):
    """Subjects that the folder holds or lists and that lack an image, where none were asked for by name.

    Parameters
    ----------
    options, modalities : as for `select_subjects`

    Returns
    -------
    dict, modality -> sorted list of str
    """
    root = Path(options["root"])
    if options["subjects"]:
        return {}
    found = {modality: set(find_subjects(root, options["image"], modality)) for modality in modalities}
    known = set.union(*found.values(), _listed(root / "participants.tsv"))
    return {modality: sorted(known - having) for modality, having in found.items() if known - having}


def _listed(path):
    """Subjects of a BIDS `participants.tsv`; none where there is no such file."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[1:] if path.is_file() else []
    return {line.split("\t")[0].strip().removeprefix("sub-") for line in lines if line.strip()}


def listed_modalities(path, modalities):
    """The subjects of a list that `make data` wrote, each with those of some modalities that it has.

    Parameters
    ----------
    path : Path of a `participants.tsv` with a column for each modality, `yes` where a subject has it
    modalities : list of str
        Subjects without the first are left out.

    Returns
    -------
    dict, subject -> list of str

    Raises
    ------
    InputError
        If there is no such list.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected the list that `make data DATA={path.parent.name}` writes, found none")
    with open(path, encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream, delimiter="\t"))
    found = {
        line["participant_id"].removeprefix("sub-"): [name for name in modalities if line.get(name) == "yes"]
        for line in lines
    }
    return {subject: names for subject, names in found.items() if modalities[0] in names}
