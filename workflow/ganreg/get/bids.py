"""The index of a user's BIDS folder; importable without the imaging packages, since the workflow needs it to plan."""

import re
from pathlib import Path

from ganreg.errors import InputError


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
        If there is no folder, no subject, or a listed subject lacks a file.
    """
    root = Path(options["root"])
    if not root.is_dir():
        raise InputError(f"{root}: expected a BIDS folder (bids.root), found none")
    subjects = options["subjects"]
    if not subjects:
        found = [set(find_subjects(root, options["image"], modality)) for modality in modalities]
        subjects = sorted(set.intersection(*found))
        if not subjects:
            example = options["image"].format(subject="*", modality="|".join(modalities))
            raise InputError(f"{root}: expected subjects with {example}, found none")
    for subject in subjects:
        wanted = [options["image"].format(subject=subject, modality=modality) for modality in modalities]
        wanted += [options[key].format(subject=subject) for key in ("labels", "mask") if options[key]]
        for relative in wanted:
            if not (root / relative).is_file():
                raise InputError(f"{root / relative}: expected a file of sub-{subject}, found none")
    return sorted(subjects)
