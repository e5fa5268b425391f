"""The transform file: what every method writes and the evaluation reads.

A displacement on the fixed grid, float32, 5-D (X, Y, Z, 1, 3), NIfTI intent 1007 (vector), empty intent name,
millimeters with LPS signs, qform = sform. SimpleITK and ANTs read it alike: the moving image is sampled at the
physical point p + d(p).
"""

from pathlib import Path

import nibabel as nib
import numpy as np

from ganreg import io
from ganreg.errors import InputError

# NIfTI world axes are RAS; ITK's displacement components are LPS.
RAS_TO_LPS = np.array([-1, -1, 1], dtype=np.float32)


def write_transform(path: Path, displacement: np.ndarray, affine: np.ndarray) -> None:
    """Write a displacement in voxels of the fixed grid.

    Parameters
    ----------
    path : Path
    displacement : array (3, X, Y, Z), voxels, moving voxel = x + u(x) on the same grid
    affine : array (4, 4), the fixed grid's, in mm; it may be oblique and anisotropic
    """
    millimeters = np.einsum("ij,jxyz->xyzi", affine[:3, :3], np.asarray(displacement, dtype=np.float64))
    write_transform_mm(path, millimeters * RAS_TO_LPS, affine)


def write_transform_mm(path: Path, millimeters: np.ndarray, affine: np.ndarray) -> None:
    """Write a displacement (X, Y, Z, 3) that is in millimeters with LPS signs.

    Raises
    ------
    InputError
        If a value is not finite.
    """
    if not np.isfinite(millimeters).all():
        raise InputError(f"{path}: expected a finite displacement, found NaN or infinite values")
    image = nib.Nifti1Image(np.asarray(millimeters, dtype=np.float32)[:, :, :, None, :], affine)
    image.header.set_intent("vector", name="")
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    with io.atomic(path) as beside:
        nib.save(image, beside)


def read_transform(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a transform file.

    Returns
    -------
    displacement : array (X, Y, Z, 3), float32, millimeters along the RAS world axes
    affine : array (4, 4)

    Raises
    ------
    InputError
        If the file is missing, has another shape or intent than described above, or holds a value not finite.
    """
    try:
        image = nib.load(path)
        if not isinstance(image, nib.Nifti1Image):
            raise InputError(f"{path}: expected a transform file in NIfTI format, found another format")
        data = np.asarray(image.dataobj, dtype=np.float32)
    except io.UNREADABLE as error:
        raise InputError(f"{path}: expected a transform file, found none that can be read ({error})") from None
    intent = int(image.header["intent_code"])
    if data.ndim != 5 or data.shape[3:] != (1, 3) or intent != 1007:
        raise InputError(f"{path}: expected shape (X, Y, Z, 1, 3) and intent 1007, found {data.shape} and {intent}")
    if not np.isfinite(data).all():
        raise InputError(f"{path}: expected a finite displacement, found NaN or infinite values")
    return data[:, :, :, 0, :] * RAS_TO_LPS, image.affine
