"""Folders of DICOM files as a raw BIDS folder: one folder a subject, its series told apart by their description."""

import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import SimpleITK as sitk

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import dataset
from ganreg.get.settings import Dicom
from ganreg.progress import Progress
from ganreg.spatial import itk
from ganreg.volumes import bids

# a gap between slices may differ from the median gap by this share of it
GAP_TOLERANCE = 0.1
# how far the written grid's corners may lie from where the DICOM tags put them, and slices from their common normal
TOLERANCE_MM = 0.1

SERIES_UID, DESCRIPTION, POSITION, ORIENTATION = "0020|000e", "0008|103e", "0020|0032", "0020|0037"


@dataclass(frozen=True)
class Slice:
    """One DICOM file: position (3,) and row and column direction (2, 3) in LPS, mm; None where it says none."""

    path: Path
    description: str
    position: np.ndarray | None
    axes: np.ndarray | None
    size: tuple[int, ...]
    spacing: tuple[float, ...]


def read_slices(folder: Path) -> dict[str, list[Slice]]:
    """What the DICOM images in and below a folder say of themselves.

    Other files are passed over; one that is DICOM, but has no image that can be read, with a line.

    Returns
    -------
    dict, series -> list of Slice
    """
    found = defaultdict(list)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            with open(path, "rb") as stream:
                if stream.read(132).endswith(b"DICM"):
                    print(f"dicom: {path}: passed over, DICOM without an image that can be read", flush=True)
            continue
        place = _numbers(reader, POSITION, (3,)), _numbers(reader, ORIENTATION, (2, 3))
        slice_ = Slice(path, _tag(reader, DESCRIPTION), *place, reader.GetSize(), reader.GetSpacing())
        found[_tag(reader, SERIES_UID)].append(slice_)
    return dict(found)


def _tag(reader: sitk.ImageFileReader, key: str) -> str:
    return reader.GetMetaData(key).strip() if reader.HasMetaDataKey(key) else ""


def _numbers(reader: sitk.ImageFileReader, key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """A tag's numbers; None where there are others than `shape` wants."""
    values = [float(part) for part in _tag(reader, key).split("\\") if part.strip()]
    return np.array(values).reshape(shape) if len(values) == np.prod(shape) else None


def find_series(found: dict[str, list[Slice]], pattern: str, folder: Path) -> list[Slice]:
    """The one series whose description matches.

    Parameters
    ----------
    found : as `read_slices` gives it
    pattern : str, regular expression, found anywhere in the description, in small or capital letters
    folder : Path, named in errors

    Returns
    -------
    list of Slice

    Raises
    ------
    InputError
        If none or several match.
    """
    matching = [slices for slices in found.values() if re.search(pattern, slices[0].description, re.IGNORECASE)]
    if len(matching) == 1:
        return matching[0]
    shown = sorted(repr(slices[0].description) for slices in (matching or found.values()))
    which = f"{len(matching)}: " if matching else f"none among {len(shown)}: "
    raise InputError(f"{folder}: expected one series like {pattern!r}, found {which}{', '.join(shown) or 'no DICOM'}")


def stack(slices: Sequence[Slice], name: str) -> tuple[list[Slice], tuple[int, int, int], np.ndarray]:
    """Order the slices of a series and find the grid that they make.

    Parameters
    ----------
    slices : sequence of Slice
    name : str, named in errors

    Returns
    -------
    slices : list of Slice, along their normal
    shape : (columns, rows, slices)
    affine : array (4, 4), RAS, mm

    Raises
    ------
    InputError
        If a file holds several slices or says nothing of its place; if there is one slice only; if they differ in size
        or orientation, or are not stacked evenly along their normal, each place once.
    """
    positions, axes = _places(slices, name)
    first = slices[0]
    normal = np.cross(*axes)
    heights = np.array([position @ normal for position in positions])
    order = np.argsort(heights, kind="stable")
    _require_even(np.diff(heights[order]), name)
    bottom, top = positions[order[0]], positions[order[-1]]
    travel = top - bottom
    if (shear := np.linalg.norm(travel - travel @ normal * normal)) > TOLERANCE_MM:
        raise InputError(f"{name}: expected slices along their normal, found them sheared by {shear:.1f} mm")
    affine = np.eye(4)
    affine[:3, :2] = axes.T * first.spacing[:2]
    affine[:3, 2] = travel / (len(slices) - 1)
    affine[:3, 3] = bottom
    columns, rows = first.size[:2]
    return [slices[index] for index in order], (columns, rows, len(slices)), itk.LPS @ affine


def _places(slices: Sequence[Slice], name: str) -> tuple[list[np.ndarray], np.ndarray]:
    """The slices' positions and their common axes.

    Files that are not two slices or more of one size and orientation, each in a file of its own, are refused.
    """
    if any(each.size[2:] != (1,) for each in slices):
        raise InputError(f"{name}: expected a file for each slice, found several slices in one file")
    places = [(each.position, each.axes) for each in slices if each.position is not None and each.axes is not None]
    if len(places) < len(slices):
        raise InputError(f"{name}: expected position and orientation in each file, found none in some")
    first, axes = slices[0], places[0][1]
    for each, (_, own) in zip(slices, places, strict=True):
        same = np.allclose([*each.spacing[:2], *own.ravel()], [*first.spacing[:2], *axes.ravel()], atol=1e-3)
        if each.size != first.size or not same:
            raise InputError(f"{name}: expected slices of one size and orientation, found another in {each.path.name}")
    if len(slices) < 2:
        raise InputError(f"{name}: expected a volume, found one slice")
    return [position for position, _ in places], axes


def _require_even(gaps: np.ndarray, name: str) -> None:
    """Refuse gaps (mm) between the slices' heights that differ, or are none."""
    if (gaps < GAP_TOLERANCE * gaps.max()).any():
        raise InputError(f"{name}: expected one volume, found several slices at one place")
    step = np.median(gaps)
    if (uneven := np.abs(gaps - step) > GAP_TOLERANCE * step).any():
        at = int(np.argmax(uneven))
        raise InputError(
            f"{name}: expected a slice every {step:.2f} mm, found {gaps[at]:.2f} mm from slice {at + 1} to {at + 2}:"
            " slices are missing"
        )


def find_program() -> str:
    """Path of dcm2niix (Li et al. 2016, doi:10.1016/j.jneumeth.2016.03.001).

    Raises
    ------
    InputError
        If it is not there.
    """
    program = shutil.which("dcm2niix")
    if program is None:
        raise InputError("dicom: expected the program dcm2niix, found none on the PATH")
    return program


def convert(program: str, slices: Sequence[Slice], output: Path, name: str) -> None:
    """Write a series as NIfTI.

    Parameters
    ----------
    program : str, of `find_program`
    slices : sequence of Slice
    output : Path
    name : str, named in errors

    Raises
    ------
    InputError
        As `stack` does, or if the result is not one volume that lies where the DICOM tags put it.
    """
    slices, shape, affine = stack(slices, name)
    with io.scratch() as folder:
        written, source = folder / "out.nii.gz", folder / "series"
        source.mkdir()
        for number, each in enumerate(slices):
            (source / f"{number:05d}.dcm").symlink_to(each.path.resolve())
        # merged (-m): that they are one stack is known, whatever else differs between the files
        command: list[str | Path] = [program, "-m", "y", "-z", "y", "-b", "n", "-f", "out", "-o", folder, source]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        made = sorted(path.name for path in folder.glob("*.nii.gz"))
        if made != [written.name]:
            print(said.stdout + said.stderr, flush=True)
            raise InputError(f"{name}: expected one volume of dcm2niix, found {len(made)}")
        _require_corners(written, shape, affine, name)
        with io.atomic(output) as beside:
            shutil.copyfile(written, beside)


def _require_corners(path: Path, shape: Sequence[int], affine: np.ndarray, name: str) -> None:
    """Refuse a volume whose first and last voxel are not where they should be."""
    expected = nib.as_closest_canonical(nib.Nifti1Image(np.broadcast_to(np.uint8(0), shape), affine))
    found = io.load(path)
    if found.shape != expected.shape:
        raise InputError(f"{name}: expected {expected.shape} voxels, found {found.shape}")
    corners = np.array([[0, 0, 0, 1], [*(np.array(found.shape) - 1), 1]]).T
    apart = np.abs((found.affine - expected.affine) @ corners).max()
    if apart > TOLERANCE_MM:
        raise InputError(f"{name}: expected voxels where the DICOM tags put them, found them {apart:.2f} mm away")


def find_subjects(root: str | Path | None, chosen: Sequence[str]) -> dict[str, Path]:
    """Folders of the subjects by label, which is the folder's name without `sub-` and without other signs.

    Raises
    ------
    InputError
        If there is no folder, a label is empty or double, or a chosen one is not there.
    """
    if not root or not Path(root).is_dir():
        raise InputError(f"dicom: expected a folder with a folder for each subject, found {root}")
    folders = {}
    for folder in sorted(path for path in Path(root).iterdir() if path.is_dir()):
        label = re.sub(r"[^A-Za-z0-9]", "", folder.name.removeprefix("sub-"))
        if not label or label in folders:
            raise InputError(f"{folder}: expected a name of its own in letters and digits, found {label!r}")
        folders[label] = folder
    if unknown := sorted(set(chosen) - set(folders)):
        raise InputError(f"{root}: expected a folder of subject {unknown[0]}, found none")
    if not folders:
        raise InputError(f"{root}: expected a folder for each subject, found none")
    return {label: folder for label, folder in folders.items() if not chosen or label in chosen}


def get(output: Path, settings: Dicom) -> None:
    """Write the subjects of a folder of DICOM files as raw BIDS, the list of them last.

    Parameters
    ----------
    output : Path of the list, `participants.tsv`
    settings : Dicom

    Raises
    ------
    InputError
        As `find_subjects` and `find_program` do; if a subject's series cannot be told apart or make no volume. All
        faults are printed before.
    """
    folder = Path(output).parent
    wanted = {suffix: pattern for suffix, pattern in settings.series.items() if pattern}
    subjects = find_subjects(settings.root, settings.subjects)
    program = find_program()
    faults, written = [], set()
    progress = Progress("dicom: subjects", len(subjects))
    for subject, source in subjects.items():
        found = read_slices(source)
        for suffix, pattern in wanted.items():
            try:
                slices = find_series(found, pattern, source)
                path = bids.path(folder, subject, bids.raw(suffix))
                convert(program, slices, path, f"{source}: {slices[0].description!r}")
                written.add(path)
            except InputError as error:
                print(f"dicom: {error}", flush=True)
                faults.append(error)
        progress.step()
    progress.close()
    if faults:
        more = f"; {len(faults) - 1} more above" if len(faults) > 1 else ""
        raise InputError(f"{faults[0]}{more} (`subjects` can name the others)")
    table = pd.DataFrame({"participant_id": [bids.participant(subject) for subject in subjects]})
    # `find_subjects` has refused to go on without
    assert settings.root is not None
    dataset.complete(output, {"Name": Path(settings.root).name}, table, ["*"], written)
