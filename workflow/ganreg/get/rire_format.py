"""RIRE's format: a volume's header and voxels, and the gold standard between two volumes.

The project's own pages on the data and the transformation format are what is followed here. A volume's coordinates are
millimeters from the center of its first voxel, x along a row, y down a column, z along the slices; every volume is
oriented L : P : H, so that these are the axes of ITK (LPS).
"""

import gzip
import io as streams
import math
import re
from pathlib import Path, PurePosixPath
from typing import get_args

import numpy as np
import uncompresspy
from scipy.spatial.transform import Rotation

from ganreg.errors import InputError
from ganreg.get import archive
from ganreg.get.settings import RireSeries
from ganreg.spatial.itk import LPS

# bytes; the largest volume is a CT of 512 x 512 x 50 voxels or fewer
LIMIT = 100_000_000
# the names of the series
SERIES = get_args(RireSeries)
# what the header of every volume says where it says it
CONSTANT = {"patient orientation": "L : P : H", "bits allocated": "16", "pixel representation": "1"}
# mm, root mean square: what RIRE itself accepts as a rigid motion
RIGID_TOLERANCE_MM = 0.01
# what no coordinate of a scan comes to
FURTHEST_MM = 10_000


def read_header(text: str, name: str) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Shape and spacing that a `header.ascii` states.

    Parameters
    ----------
    text : str
    name : str, named in errors

    Returns
    -------
    shape : (columns, rows, slices)
    spacing : (3,) floats, mm

    Raises
    ------
    InputError
        If an entry is missing or no number, or the volume is not what RIRE's are: signed 16-bit voxels, square pixels,
        oriented L : P : H.
    """
    pairs = (line.split(":=", 1) for line in text.splitlines() if ":=" in line)
    entries = {key.strip().lower(): value.strip() for key, value in pairs}
    for key, expected in CONSTANT.items():
        if (found := entries.get(key, expected)).replace(" ", "") != expected.replace(" ", ""):
            raise InputError(f"{name}: expected {key} {expected}, found {found}")
    try:
        shape = int(entries["columns"]), int(entries["rows"]), int(entries["slices"])
        pixel = [float(part) for part in entries["pixel size"].split(":")]
        thickness = float(entries["slice thickness"])
    except KeyError as error:
        raise InputError(f"{name}: expected an entry {error}, found none") from None
    except ValueError as error:
        raise InputError(f"{name}: expected numbers of voxels and mm, found otherwise ({error})") from None
    if len(pixel) != 2 or pixel[0] != pixel[1]:
        raise InputError(f"{name}: expected square pixels, found {entries['pixel size']}")
    spacing = (pixel[0], pixel[1], thickness)
    if min(shape) < 1 or not all(0 < size < 100 for size in spacing):
        raise InputError(f"{name}: expected positive sizes, found {shape} voxels of {spacing} mm")
    return shape, spacing


def unpack(content: bytes, size: int, name: str) -> bytes:
    """The voxels' bytes of an `image.bin`: as it is, or packed by gzip or by compress (`image.bin.Z`).

    Raises
    ------
    InputError
        If it does not come to `size` bytes.
    """
    if len(content) == size:
        return content
    stream: streams.BufferedIOBase = streams.BytesIO(content)
    try:
        if content[:2] == archive.GZIP:
            stream = gzip.GzipFile(fileobj=stream)
        elif content[:2] == b"\x1f\x9d":
            # what is cut off is found by its size
            stream = uncompresspy.LZWFile(stream, warn_truncation=False)
        # one byte more than there should be is enough to know
        content = stream.read(size + 1)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{name}: expected voxels, found a file that cannot be unpacked ({error})") from None
    if len(content) != size:
        found = "more" if len(content) > size else len(content)
        raise InputError(f"{name}: expected {size} bytes by header.ascii, found {found}")
    return content


def read_volume(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read an archive's volume.

    Parameters
    ----------
    path : Path, of a `.tar.gz` with `header.ascii` and `image.bin` or `image.bin.Z`

    Returns
    -------
    data : int16 array (columns, rows, slices)
    affine : array (4, 4)
        RAS, mm: the first voxel's center is the origin, and the voxels run to the left, back and up.

    Raises
    ------
    InputError
        As `archive.members`, `read_header` and `unpack` do, and if one of the files is not there once.
    """
    with archive.members(path, LIMIT) as (opened, found):

        def content(*names: str) -> bytes:
            for name in names:
                named = [member for key, member in found.items() if PurePosixPath(key).name == name]
                if len(named) == 1:
                    return archive.content(opened, named[0]).read()
            raise InputError(f"{path}: expected one {' or '.join(names)}, found {len(named) or 'none'}")

        shape, spacing = read_header(content("header.ascii").decode("ascii", "replace"), f"{path}: header.ascii")
        size = 2 * math.prod(shape)
        if size > LIMIT:
            raise InputError(f"{path}: expected at most {LIMIT / 1e6:.0f} MB a volume, found {size / 1e6:.0f}")
        # the packed file is a copy of the other
        voxels = unpack(content("image.bin", "image.bin.Z"), size, f"{path}: image.bin")
    data = np.frombuffer(voxels, dtype=">i2").reshape(shape[::-1]).transpose(2, 1, 0)
    return data.astype(np.int16), LPS @ np.diag([*spacing, 1.0])


def fit_rigid(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Rigid motion of matched points by least squares (Kabsch).

    Parameters
    ----------
    source, target : arrays (N, 3)

    Returns
    -------
    matrix : array (4, 4), source points to target points
    rms : float, root mean square of the distances that are left
    """
    rotation, left = Rotation.align_vectors(target - target.mean(axis=0), source - source.mean(axis=0))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.as_matrix()
    matrix[:3, 3] = target.mean(axis=0) - matrix[:3, :3] @ source.mean(axis=0)
    return matrix, left / np.sqrt(len(source))


def read_truth(text: str, name: str) -> tuple[tuple[str, str], np.ndarray, np.ndarray]:
    """Read a gold standard (`ct_T1.standard`): the corners of one volume and their places in another.

    Parameters
    ----------
    text : str
    name : str, named in errors

    Returns
    -------
    source, target : (str, str)
        Series of the volume that points come from, and of the one that they go to, as in `SERIES`.
    matrix : array (4, 4)
        Rigid motion in RIRE's coordinates (LPS, mm) of the one to the other.
    corners : array (8, 3), mm

    Raises
    ------
    InputError
        If it names no series, has not eight numbered lines of six numbers, or is no rigid motion to .01 mm.
    """
    source, target = _named_series(text, "From", name), _named_series(text, "To", name)
    points = _numbered_points(text, name)
    matrix, rms = fit_rigid(points[:, :3], points[:, 3:])
    if not rms < RIGID_TOLERANCE_MM:
        raise InputError(f"{name}: expected a rigid motion to {RIGID_TOLERANCE_MM} mm, found {rms:.3f} mm left")
    return (source, target), matrix, points[:, :3]


def _named_series(text: str, key: str, name: str) -> str:
    """The series on the line that begins with `key`, however its name is spelled."""

    def plain(spelled: str) -> str:
        return re.sub(r"\W|_", "", spelled).lower()

    found = re.search(rf"^{key}:\s*(\S+)\s*$", text, flags=re.MULTILINE)
    for series in SERIES:
        if found and plain(series) == plain(found[1]):
            return series
    raise InputError(f"{name}: expected `{key}:` and one of {', '.join(SERIES)}, found {found and found[1]}")


def _numbered_points(text: str, name: str) -> np.ndarray:
    """The eight numbered points, (8, 6): a corner, and where it goes."""
    lines = [line.split() for line in text.splitlines() if re.match(r"\s*\d+\s+[-+.\d]", line)]
    try:
        points = np.array([[float(value) for value in line[1:]] for line in lines])
    except ValueError as error:
        raise InputError(f"{name}: expected lines of numbers, found otherwise ({error})") from None
    numbered = [line[0] for line in lines] == [str(number) for number in range(1, 9)]
    # what is no number fails the comparison, too
    if points.shape != (8, 6) or not numbered or not (np.abs(points) < FURTHEST_MM).all():
        raise InputError(f"{name}: expected points 1 to 8 with six coordinates each, found {len(lines)} lines")
    return points
