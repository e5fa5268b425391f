"""Volume and table input and output, with the checks that every stage relies on."""

import contextlib
import errno
import gzip
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd

from ganreg.errors import InputError
from ganreg.settings import plain

GRID_TOLERANCE_MM = 1e-3
# what nibabel raises for a file that is no image, cut off or damaged
UNREADABLE = (
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    EOFError,
    OSError,
    ValueError,
    zlib.error,
)
# how far apart qform and sform may put a corner: a qform's numbers are rounded
FORM_TOLERANCE_MM = 1.0
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` only if the block succeeds.

    What a process that was killed left beside `path` is removed.

    Raises
    ------
    InputError
        If the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(".partial-*"):
        if re.fullmatch(rf"\.partial-\d+-{re.escape(path.name)}", left.name):
            _remove(left)
    beside = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield beside
        os.replace(beside, path)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise InputError(f"{path}: expected room to write it, found none: {error.strerror}") from None
    finally:
        _remove(beside)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary folder as a `Path`; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ganreg-") as folder:
        yield Path(folder)


def load(path: Path) -> nib.Nifti1Image:
    """Read a 3-D volume, re-ordered to the nearest RAS orientation.

    What is not compressed is mapped into memory: its voxels come from the disk when they are used.

    Returns
    -------
    nibabel.Nifti1Image
        Data of shape (X, Y, Z), affine in mm.

    Raises
    ------
    InputError
        If the file is missing, unreadable, empty, not 3-D, or holds a value that is not finite; if its header does not
        say where the voxels are, or says two things.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a NIfTI volume, found no file")
    try:
        _read_through(path)
        image = nib.load(path)
        _require_all_voxels(path, image)
        _require_one_place(path, image)
        image = nib.as_closest_canonical(image)
        data = np.asanyarray(image.dataobj)
    except UNREADABLE as error:
        raise InputError(f"{path}: expected a NIfTI volume, found a file that cannot be read ({error})") from None
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3 or data.size == 0:
        raise InputError(f"{path}: expected a 3-D volume, found shape {data.shape}")
    if abs(np.linalg.det(image.affine[:3, :3])) < 1e-9:
        raise InputError(f"{path}: expected an invertible affine, found a singular one")
    if not np.isfinite(data).all():
        raise InputError(f"{path}: expected finite values, found {int((~np.isfinite(data)).sum())} NaN or infinite")
    return nib.Nifti1Image(data, image.affine)


def _read_through(path: Path) -> None:
    """Read a gzip file to its end, where the checksum is: nibabel stops before, and does not see damaged voxels."""
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass


def _require_all_voxels(path: Path, image: object) -> None:
    """Refuse a NIfTI file that is not compressed and ends before its last voxel: it is mapped into memory, not read."""
    if path.suffix != ".nii" or not isinstance(image, nib.Nifti1Image):
        return
    stored: Any = image.dataobj
    expected = stored.offset + math.prod(stored.shape) * stored.dtype.itemsize
    if (found := path.stat().st_size) < expected:
        raise InputError(f"{path}: expected {expected} bytes, as its header says, found {found}")


def _require_one_place(path: Path, image: object) -> None:
    """Refuse a NIfTI header with neither qform nor sform, or with two of one code that differ.

    Of two with different codes (a scanner's and an aligned space, as SPM leaves them) the sform counts.
    """
    if not isinstance(image, nib.Nifti1Image):
        return
    (qform, of_qform), (sform, of_sform) = image.get_qform(coded=True), image.get_sform(coded=True)
    if not (of_qform or of_sform):
        raise InputError(f"{path}: expected a qform or sform that says where the voxels are, found neither")
    if of_qform == of_sform and len(image.shape) >= 3 and not _has_shear(sform):
        corners = np.indices((2, 2, 2)).reshape(3, 8) * (np.array(image.shape[:3]) - 1)[:, None]
        apart = np.abs((qform - sform)[:3, :3] @ corners + (qform - sform)[:3, 3:]).max()
        if apart > FORM_TOLERANCE_MM:
            raise InputError(f"{path}: expected one place for each voxel, found qform and sform {apart:.1f} mm apart")


def _has_shear(affine: np.ndarray) -> bool:
    """Whether the axes of an affine are not at right angles: no qform can say that."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3)


def load_image(path: Path) -> nib.Nifti1Image:
    """Read an intensity volume as float32; refuse a constant one.

    Raises
    ------
    InputError
        As `load`, and if all voxels have one value.
    """
    image = load(path)
    data = np.asarray(image.dataobj, dtype=np.float32)
    if data.min() == data.max():
        raise InputError(f"{path}: expected an image, found the constant {data.min():g} everywhere")
    return nib.Nifti1Image(data, image.affine)


def load_labels(path: Path) -> nib.Nifti1Image:
    """Read a label volume as int32; refuse values that are not whole numbers of 0 or more."""
    image = load(path)
    data = np.asarray(image.dataobj)
    whole = np.can_cast(data.dtype, np.int32)
    labels = (data if whole else np.rint(data)).astype(np.int32)
    if labels.min() < 0 or not (whole or np.abs(data - labels).max() <= 1e-3):
        raise InputError(f"{path}: expected whole label numbers of 0 or more, found {data.min():g} to {data.max():g}")
    return nib.Nifti1Image(labels, image.affine)


def save(path: Path, data: npt.ArrayLike, affine: np.ndarray, dtype: npt.DTypeLike = np.float32) -> None:
    """Write a volume whole or not at all, with qform equal to sform, byte for byte the same each time."""
    image = nib.Nifti1Image(np.asarray(data, dtype=dtype), affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    with atomic(path) as beside:
        nib.save(image, beside)


class Gridded(Protocol):
    """What lies on a grid: a volume, or what is known of one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def affine(self) -> np.ndarray: ...


def require_same_grid(first: Gridded, first_path: Path | str, second: Gridded, second_path: Path | str) -> None:
    """Refuse two volumes whose shapes or affines differ (tolerance 1e-3 mm).

    Raises
    ------
    InputError
        Naming both files.
    """
    if first.shape[:3] != second.shape[:3]:
        raise InputError(
            f"{second_path}: expected the shape of {first_path}, {first.shape[:3]}, found {second.shape[:3]}"
        )
    difference = np.abs(first.affine - second.affine).max()
    if difference > GRID_TOLERANCE_MM:
        raise InputError(
            f"{second_path}: expected the affine of {first_path}, found one that differs by {difference:.3g}"
        )


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic(path) as beside:
        # by name: Python's default follows the locale, which SimpleITK's DICOM writer, for one, sets to C
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Write an object as indented JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, default=plain) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        If it is missing or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a JSON file, found none that can be read ({error})") from None


def write_table(path: Path, frame: pd.DataFrame, separator: str = ",") -> None:
    """Write a data frame as a table of text, whole or not at all."""
    with atomic(path) as beside:
        frame.to_csv(beside, sep=separator, index=False, lineterminator="\n", float_format="%.6g")
