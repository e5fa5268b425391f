"""Files of the velocities that lead from the template to each subject."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganreg import io
from ganreg.errors import InputError
from ganreg.spatial.deform import Displacements
from ganreg.spatial.settings import SampleDeformation
from ganreg.spatial.variation import Variation
from ganreg.volumes import bids


def read_variation(
    files: Sequence[Path], subjects: Sequence[str], components: int
) -> tuple[Variation | None, dict[str, str]]:
    """How some subjects vary, from the files of theirs among others.

    Parameters
    ----------
    files : list of Path, of arrays (3, U, V, W); none: there is no variation to read
    subjects : list of str
    components : int, as of `Variation`

    Returns
    -------
    variation : Variation, or None
    opened : dict, path -> SHA-256 of the files that were read

    Raises
    ------
    InputError
        If a subject has no file, or there are fewer than two subjects.
    """
    if not files:
        return None, {}
    chosen = [path for path in files if bids.subject_of(path) in subjects]
    if missing := {*subjects} - {bids.subject_of(path) for path in chosen}:
        raise InputError(f"{files[0].parents[1]}: expected a velocity of each subject, found none of {min(missing)}")
    velocities = np.stack([np.load(path) for path in chosen])
    return Variation(velocities, components), {str(path): io.sha256(path) for path in chosen}


def read_displacements(
    settings: SampleDeformation, files: Sequence[Path], subjects: Sequence[str]
) -> tuple[Displacements, dict[str, str]]:
    """What synthetic subjects are deformed by, as the settings say or as some subjects vary.

    Parameters
    ----------
    settings : SampleDeformation
    files, subjects : as of `read_variation`

    Returns
    -------
    displacements : Displacements
    opened : dict, path -> SHA-256 of the files that were read
    """
    variation, opened = read_variation(files, subjects, settings.components)
    return Displacements(settings, variation), opened
