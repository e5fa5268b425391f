"""Exchange of volumes with SimpleITK, whose world axes are LPS and whose arrays are (Z, Y, X)."""

import numpy as np
import SimpleITK as sitk

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def to_sitk(data: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """A SimpleITK image of an (X, Y, Z) array with a RAS affine in mm."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(np.asarray(data).transpose(2, 1, 0)))
    lps = LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def from_sitk(image: sitk.Image) -> np.ndarray:
    """The (X, Y, Z) array of a SimpleITK image."""
    data: np.ndarray = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    return data


def shrink_factors(image: sitk.Image, target_mm: float) -> list[int]:
    """Shrink factors per axis so that the spacing comes near `target_mm`, however thick the slices are."""
    return [max(1, round(target_mm / spacing)) for spacing in image.GetSpacing()]


def affine_matrix(transform: sitk.Transform) -> np.ndarray:
    """RAS world matrix (4, 4) of a linear SimpleITK transform, which maps fixed points to moving points."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)]
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack(columns, axis=1)
    matrix[:3, 3] = origin
    return LPS @ matrix @ LPS


def to_transform(matrix: np.ndarray) -> sitk.AffineTransform:
    """A SimpleITK affine transform of a RAS world matrix (4, 4)."""
    lps = LPS @ matrix @ LPS
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation(lps[:3, 3].tolist())
    return transform
