"""RIRE as a raw BIDS folder: CT, PET and MR of 18 patients, and of a training case with its gold standard.

The Retrospective Image Registration Evaluation Project (J. M. Fitzpatrick, Vanderbilt University).
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import archive, dataset, download, rire_format
from ganreg.get.settings import Rire
from ganreg.progress import Progress
from ganreg.spatial.itk import LPS
from ganreg.volumes import bids

# name of an archive -> the image's name; all lie in anat/, so that one pattern finds them
MODALITIES = {
    "ct": "ct",
    "pet": "pet",
    "mr_T1": "T1w",
    "mr_T2": "T2w",
    "mr_PD": "PDw",
    "mr_T1_rectified": "rec-rectified_T1w",
    "mr_T2_rectified": "rec-rectified_T2w",
    "mr_PD_rectified": "rec-rectified_PDw",
    "mr_MP-RAGE": "acq-mprage_T1w",
}
TRUTH = "transformations"
TRAINING = "training_001"


def subject_of(case: str) -> str:
    """The subject of a case: `p001` of patient_001, `t001` of training_001."""
    kind, number = case.split("_")
    return kind[0] + number


def case_of(path: str) -> tuple[str, str]:
    """(case, archive's name) of a path in the table of downloads; the training case lies at the top."""
    parts = PurePosixPath(path).parts
    return parts[0] if len(parts) > 1 else TRAINING, parts[-1].removesuffix(".tar.gz")


def _space(series: str) -> str:
    """A series as a label in a transform's name: T1w, rectifiedT1w."""
    return re.sub(r"\w+-(\w+)_", r"\1", MODALITIES[series])


def write_truths(path: Path, folder: Path) -> None:
    """Write the gold standards of an archive as matrices, `from-ct_to-T1w_desc-true_xfm.txt`.

    A matrix maps RAS points (mm) of the one volume to points of the other, as `align_subject` writes them. Where the
    volume that the points come from is there, its corners are compared with the points.

    Parameters
    ----------
    path : Path of the archive
    folder : Path of the raw BIDS folder, whose volumes are written already
    """
    subject = subject_of(TRAINING)
    with archive.members(path, rire_format.LIMIT) as (opened, found):
        names = sorted(name for name in found if name.endswith(".standard"))
        if not names:
            raise InputError(f"{path}: expected gold standards (*.standard), found none")
        for name in names:
            label = f"{path}: {name}"
            text = archive.content(opened, found[name]).read().decode("ascii", "replace")
            (source, target), matrix, corners = rire_format.read_truth(text, label)
            volume = bids.path(folder, subject, bids.raw(MODALITIES[source]))
            if volume.is_file():
                _require_corners(corners, volume, label)
            named = bids.true_rigid(_space(source), _space(target))
            with io.atomic(bids.path(folder / "derivatives" / "truth", subject, named)) as beside:
                np.savetxt(beside, LPS @ matrix @ LPS, fmt="%.10f")


def _require_corners(corners: np.ndarray, volume: Path, name: str) -> None:
    """Refuse a gold standard of another volume: its points are the corners of the one that they come from."""
    image = io.load(volume)
    extent = (np.array(image.shape) - 1) * np.linalg.norm(image.affine[:3, :3], axis=0)
    if np.abs(np.ptp(corners, axis=0) - extent).max() > rire_format.RIGID_TOLERANCE_MM:
        raise InputError(f"{name}: expected the corners of {volume}, {extent.round(4)} mm, found {corners.max(axis=0)}")


def choose(files: pd.DataFrame, settings: Rire) -> pd.DataFrame:
    """Lines of the table of downloads that are wanted.

    Parameters
    ----------
    files : pandas.DataFrame with path
    settings : Rire

    Returns
    -------
    pandas.DataFrame with case and series, too; the gold standards of the training case among them

    Raises
    ------
    InputError
        If a case is not in the table.
    """
    table = files.copy()
    table[["case", "series"]] = [case_of(path) for path in files["path"]]
    known = sorted(set(table["case"]))
    if unknown := [case for case in settings.cases if case not in known]:
        raise InputError(f"rire: expected cases among {', '.join(known)}, found {unknown[0]}")
    wanted = table["case"].isin(settings.cases or known) & table["series"].isin([*settings.series, TRUTH])
    return table[wanted]


def get(source: download.Source, files: pd.DataFrame, output: Path, settings: Rire, **patience: float) -> None:
    """Download RIRE's archives and write the chosen cases as raw BIDS, the list of them last.

    Nobody states checksums of them. What comes is unpacked to its end (gzip's CRC-32) and its voxels are counted by its
    header; its MD5 is then recorded, and expected from then on.

    Parameters
    ----------
    source, files : as `download.read_addresses` gives them
    output : Path
        The list, `participants.tsv`; archives lie in `sourcedata` beside it, images in a folder for each subject, the
        gold standards in `derivatives/truth`.
    settings : Rire
    patience : `timeout` and `pause` of `download.fetch`

    Raises
    ------
    InputError
        If the license is not accepted; as `download.fetch`, `choose`, `read_volume` and `read_truth` do.
    """
    download.require_license(source, settings.accept_licence)
    wanted = choose(files, settings)
    folder = Path(output).parent
    paths = download.fetch_all(source, wanted, folder / "sourcedata", check=_check, **patience)
    progress = Progress("rire: volumes", len(paths))
    images = {}
    for path, case, series in zip(paths, wanted["case"], wanted["series"], strict=True):
        if series != TRUTH:
            image = bids.path(folder, subject_of(case), bids.raw(MODALITIES[series]))
            data, affine = rire_format.read_volume(path)
            io.save(image, data, affine, np.int16)
            images[case, series] = image
        progress.step()
    progress.close()
    for path, series in zip(paths, wanted["series"], strict=True):
        if series == TRUTH:
            write_truths(path, folder)
    table = _participants(images, settings.series)
    written = set(images.values())
    dataset.complete(output, dataset.credits_of(source), table, MODALITIES.values(), written)


def _participants(images: dict[tuple[str, str], Path], wanted: Sequence[str]) -> pd.DataFrame:
    """The list of subjects, with a column for each series, `yes` where a subject has it."""
    lines = []
    for case in sorted({case for case, _ in images}, key=subject_of):
        there = {MODALITIES[series]: "yes" if (case, series) in images else "no" for series in wanted}
        lines.append({"participant_id": bids.participant(subject_of(case)), "case": case, **there})
        if lacking := [series for series in wanted if (case, series) not in images]:
            print(f"rire: {case} has no {', '.join(lacking)}", flush=True)
    return pd.DataFrame(lines)


def _check(path: Path) -> None:
    """Refuse an archive that is cut off or damaged, or whose voxels are not as many as its header says."""
    if TRUTH in path.name:
        with archive.members(path, rire_format.LIMIT):
            return
    rire_format.read_volume(path)
