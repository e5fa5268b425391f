"""RIRE as a raw BIDS folder: CT, PET and MR of 18 patients, and of a training case with its gold standard.

The Retrospective Image Registration Evaluation Project (J. M. Fitzpatrick, Vanderbilt University); its own pages on the
data and the transformation format are what is followed here. A volume's coordinates are millimetres from the centre of
its first voxel, x along a row, y down a column, z along the slices; every volume is oriented L : P : H, so that these
are the axes of ITK (LPS).
"""

import gzip
import io as streams
import re
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import uncompresspy
from scipy.spatial.transform import Rotation

from ganreg import io
from ganreg.errors import InputError
from ganreg.get import archive, dataset, download
from ganreg.progress import Progress
from ganreg.spatial.itk import LPS

# bytes; the largest volume is a CT of 512 x 512 x 50 voxels or fewer
LIMIT = 100_000_000
# name of an archive -> end of the image's name; all lie in anat/, so that one pattern finds them
SERIES = {
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
# mm, root mean square: what RIRE itself accepts as a rigid motion
RIGID_TOLERANCE_MM = 0.01


def subject_of(case):
    """The subject of a case: `p001` of patient_001, `t001` of training_001."""
    kind, number = case.split("_")
    return kind[0] + number


def case_of(path):
    """(case, archive's name) of a path in the table of downloads; the training case lies at the top."""
    path = PurePosixPath(path)
    return path.parts[0] if len(path.parts) > 1 else TRAINING, path.name.removesuffix(".tar.gz")


def read_header(text, name):
    """Shape and spacing that a `header.ascii` states.

    Parameters
    ----------
    text : str
    name : str or Path, named in errors

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
    for key, expected in (
        ("patient orientation", "L : P : H"),
        ("bits allocated", "16"),
        ("pixel representation", "1"),
    ):
        if (found := entries.get(key, expected)).replace(" ", "") != expected.replace(" ", ""):
            raise InputError(f"{name}: expected {key} {expected}, found {found}")
    try:
        shape = tuple(int(entries[key]) for key in ("columns", "rows", "slices"))
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


def unpack(content, size, name):
    """The voxels' bytes of an `image.bin`: as it is, or packed by gzip or by compress (`image.bin.Z`).

    Raises
    ------
    InputError
        If it does not come to `size` bytes.
    """
    if len(content) == size:
        return content
    stream = streams.BytesIO(content)
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


def read_volume(path):
    """Read an archive's volume.

    Parameters
    ----------
    path : Path, of a `.tar.gz` with `header.ascii` and `image.bin` or `image.bin.Z`

    Returns
    -------
    data : int16 array (columns, rows, slices)
    affine : array (4, 4)
        RAS, mm: the first voxel's centre is the origin, and the voxels run to the left, back and up.

    Raises
    ------
    InputError
        As `archive.members`, `read_header` and `unpack` do, and if one of the files is not there once.
    """
    with archive.members(path, LIMIT) as (opened, found):

        def content(*names):
            for name in names:
                named = [member for key, member in found.items() if PurePosixPath(key).name == name]
                if len(named) == 1:
                    return opened.extractfile(named[0]).read()
            raise InputError(f"{path}: expected one {' or '.join(names)}, found {len(named) or 'none'}")

        shape, spacing = read_header(content("header.ascii").decode("ascii", "replace"), f"{path}: header.ascii")
        size = 2 * int(np.prod(shape, dtype=np.int64))
        if size > LIMIT:
            raise InputError(f"{path}: expected at most {LIMIT / 1e6:.0f} MB a volume, found {size / 1e6:.0f}")
        # the packed file is a copy of the other
        voxels = unpack(content("image.bin", "image.bin.Z"), size, f"{path}: image.bin")
    data = np.frombuffer(voxels, dtype=">i2").reshape(shape[::-1]).transpose(2, 1, 0)
    return data.astype(np.int16), LPS @ np.diag([*spacing, 1.0])


def fit_rigid(source, target):
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


def read_truth(text, name):
    """Read a gold standard (`ct_T1.standard`): the corners of one volume and their places in another.

    Parameters
    ----------
    text : str
    name : str or Path, named in errors

    Returns
    -------
    ends : (str, str)
        Series of the volume that points come from, and of the one that they go to, as in `SERIES`.
    matrix : array (4, 4)
        Rigid motion in RIRE's coordinates (LPS, mm) of the one to the other.
    corners : array (8, 3), mm

    Raises
    ------
    InputError
        If it names no series, has not eight numbered lines of six numbers, or is no rigid motion to .01 mm.
    """
    ends = []
    for key in ("From", "To"):
        found = re.search(rf"^{key}:\s*(\S+)\s*$", text, flags=re.MULTILINE)
        series = {re.sub(r"\W|_", "", each).lower(): each for each in SERIES}
        plain = re.sub(r"\W|_", "", found[1]).lower() if found else ""
        if plain not in series:
            raise InputError(f"{name}: expected `{key}:` and one of {', '.join(SERIES)}, found {found and found[1]}")
        ends.append(series[plain])
    lines = [line.split() for line in text.splitlines() if re.match(r"\s*\d+\s+[-+.\d]", line)]
    try:
        points = np.array([[float(value) for value in line[1:]] for line in lines])
    except ValueError as error:
        raise InputError(f"{name}: expected lines of numbers, found otherwise ({error})") from None
    numbered = [line[0] for line in lines] == [str(number) for number in range(1, 9)]
    if points.shape != (8, 6) or not numbered or not np.isfinite(points).all():
        raise InputError(f"{name}: expected points 1 to 8 with six coordinates each, found {len(lines)} lines")
    matrix, rms = fit_rigid(points[:, :3], points[:, 3:])
    if not rms < RIGID_TOLERANCE_MM:
        raise InputError(f"{name}: expected a rigid motion to {RIGID_TOLERANCE_MM} mm, found {rms:.3f} mm left")
    return tuple(ends), matrix, points[:, :3]


def _space(series):
    """A series as a label in a transform's name: T1w, rectifiedT1w."""
    return re.sub(r"\w+-(\w+)_", r"\1", SERIES[series])


def write_truths(path, folder):
    """Write the gold standards of an archive as matrices, `from-ct_to-T1w_desc-true_xfm.txt`.

    A matrix maps RAS points (mm) of the one volume to points of the other, as `align_subject` writes them. Where the
    volume that the points come from is there, its corners are compared with the points.

    Parameters
    ----------
    path : Path of the archive
    folder : Path of the raw BIDS folder, whose volumes are written already
    """
    subject = subject_of(TRAINING)
    with archive.members(path, LIMIT) as (opened, found):
        names = sorted(name for name in found if name.endswith(".standard"))
        if not names:
            raise InputError(f"{path}: expected gold standards (*.standard), found none")
        for name in names:
            label = f"{path}: {name}"
            text = opened.extractfile(found[name]).read().decode("ascii", "replace")
            (source, target), matrix, corners = read_truth(text, label)
            volume = dataset.anat(folder, subject, SERIES[source])
            if volume.is_file():
                _require_corners(corners, volume, label)
            output = folder / "derivatives" / "truth" / f"sub-{subject}" / "anat"
            output /= f"sub-{subject}_from-{_space(source)}_to-{_space(target)}_desc-true_xfm.txt"
            with io.atomic(output) as beside:
                np.savetxt(beside, LPS @ matrix @ LPS, fmt="%.10f")


def _require_corners(corners, volume, name):
    """Refuse a gold standard of another volume: its points are the corners of the one that they come from."""
    image = io.load(volume)
    extent = (np.array(image.shape) - 1) * np.linalg.norm(image.affine[:3, :3], axis=0)
    if np.abs(np.ptp(corners, axis=0) - extent).max() > RIGID_TOLERANCE_MM:
        raise InputError(f"{name}: expected the corners of {volume}, {extent.round(4)} mm, found {corners.max(axis=0)}")


def choose(files, options):
    """Lines of the table of downloads that are wanted.

    Parameters
    ----------
    files : pandas.DataFrame with path
    options : dict
        `cases`, all if empty; `series`, keys of `SERIES`.

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
    if strangers := [case for case in options["cases"] if case not in known]:
        raise InputError(f"rire: expected cases among {', '.join(known)}, found {strangers[0]}")
    wanted = table["case"].isin(options["cases"] or known) & table["series"].isin([*options["series"], TRUTH])
    return table[wanted]


def get(source, files, output, options, **fetch_options):
    """Download RIRE's archives and write the chosen cases as raw BIDS, the list of them last.

    Nobody states checksums of them. What comes is unpacked to its end (gzip's CRC-32) and its voxels are counted by its
    header; its MD5 is then recorded, and expected from then on.

    Parameters
    ----------
    source, files : as `download.read_addresses` gives them
    output : Path
        The list, `participants.tsv`; archives lie in `sourcedata` beside it, images in a folder for each subject, the
        gold standards in `derivatives/truth`.
    options : dict
        `accept_licence`, and as `choose` takes them.
    fetch_options : as `download.fetch_all` takes them

    Raises
    ------
    InputError
        If the licence is not accepted; as `download.fetch`, `choose`, `read_volume` and `read_truth` do.
    """
    download.require_licence(source, options["accept_licence"])
    wanted = choose(files, options)
    folder = Path(output).parent
    paths = download.fetch_all(source, wanted, folder / "sourcedata", check=_check, **fetch_options)
    progress = Progress("rire: volumes", len(paths))
    images = {}
    for path, row in zip(paths, wanted.itertuples(), strict=True):
        if row.series != TRUTH:
            image = dataset.anat(folder, subject_of(row.case), SERIES[row.series])
            data, affine = read_volume(path)
            io.save(image, data, affine, np.int16)
            images[row.case, row.series] = image
        progress.step()
    progress.close()
    for path, row in zip(paths, wanted.itertuples(), strict=True):
        if row.series == TRUTH:
            write_truths(path, folder)
    cases = sorted({case for case, _ in images}, key=subject_of)
    lines = []
    for case in cases:
        there = {SERIES[series]: "yes" if (case, series) in images else "no" for series in options["series"]}
        lines.append({"participant_id": f"sub-{subject_of(case)}", "case": case, **there})
        if lacking := [series for series in options["series"] if (case, series) not in images]:
            print(f"rire: {case} has no {', '.join(lacking)}", flush=True)
    suffixes = list(SERIES.values())
    dataset.complete(output, dataset.credits_of(source), pd.DataFrame(lines), suffixes, set(images.values()))


def _check(path):
    """Refuse an archive that is cut off or damaged, or whose voxels are not as many as its header says."""
    if TRUTH in path.name:
        with archive.members(path, LIMIT):
            return
    read_volume(path)
