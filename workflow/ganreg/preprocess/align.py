"""Rigid and affine alignment with SimpleITK, repeatable: one thread, fixed seed."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from ganreg.errors import InputError
from ganreg.spatial.itk import affine_matrix, shrink_factors, to_sitk

SEED = 1
# spacings at the finest level: linear transforms need no more
COARSE_MM = 3
MOVING_MM = 2
# the share of the brain that a second scan must hold, and the ratios of its volume that pass: one head gave .95 to
# 1.01 (simulated T1w and T2w, the template's, a real T1w and itself with inverted contrast), two adults' .71 to 1.29
FIELD_OF_VIEW = 0.5
VOLUME_RATIO = (0.7, 1.43)
# around the brain, for the skull to count
AROUND_MM = 15
# further than heads move between two scans of a session; what is further apart is aligned again until it moves no more
FAR_MM = 15
SETTLED_MM = 1
MOST_STARTS = 6


def _registration(shrinks: list[int], smoothing_mm: list[float], iterations: int) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([0.5, 0.15][: len(shrinks)], SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=iterations, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(shrinks)
    method.SetSmoothingSigmasPerLevel(smoothing_mm)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _execute(
    method: sitk.ImageRegistrationMethod,
    fixed: sitk.Image,
    moving: sitk.Image,
    initial: sitk.Transform,
    name: str | Path,
) -> sitk.Transform:
    method.SetInitialTransform(initial, inPlace=False)
    try:
        # a composite of one linear transform comes back
        return method.Execute(fixed, sitk.BinShrink(moving, shrink_factors(moving, MOVING_MM)))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{name}: expected an image that can be aligned, found: {reason}") from None


def _brain(image: nib.Nifti1Image, mask: np.ndarray | None) -> sitk.Image:
    data = np.asarray(image.dataobj, dtype=np.float32)
    return to_sitk(data if mask is None else np.where(mask, data, 0), image.affine)


def _coarsened(image: sitk.Image) -> sitk.Image:
    """An image at about `COARSE_MM`: of each block the middle voxel, or the mean where an even block has no middle."""
    factors = shrink_factors(image, COARSE_MM)
    odd, even = [f if f % 2 else 1 for f in factors], [1 if f % 2 else f for f in factors]
    return sitk.BinShrink(sitk.Shrink(image, odd), even)


def _furthest(first: sitk.Transform, second: sitk.Transform, center: Sequence[float]) -> float:
    """How far apart (mm) two rigid transforms put points of a head: 100 mm from its center along each axis."""
    points = [np.add(center, offset) for offset in [*100 * np.eye(3), *-100 * np.eye(3)]]
    return max(float(np.linalg.norm(np.subtract(first.TransformPoint(p), second.TransformPoint(p)))) for p in points)


def _settled(
    fixed: sitk.Image, moving: sitk.Image, center: Sequence[float], translation: Sequence[float], name: str | Path
) -> tuple[float, sitk.Euler3DTransform]:
    """Align from a translation, and again until it settles: the metric (less is better) and the transform."""
    end = sitk.Euler3DTransform(center, 0.0, 0.0, 0.0, translation)
    for number in range(MOST_STARTS):
        start, method = end, _registration([2, 1], [3, 1.5], 100)
        result = _execute(method, fixed, moving, start, name)
        end = sitk.Euler3DTransform(sitk.CompositeTransform(result).GetBackTransform())
        # the steps only ever get shorter: once the head has moved far, they are too short for the rest
        if _furthest(start, end, center) <= (SETTLED_MM if number else FAR_MM):
            break
    return method.GetMetricValue(), end


def align_rigid(fixed: nib.Nifti1Image, moving: nib.Nifti1Image, moving_name: str | Path) -> sitk.Euler3DTransform:
    """Rigid transform of one head between two scans of any contrast, by mutual information.

    Starts where the scanner's coordinates put the heads, and, where the images' centers lie far apart in them, also
    with one center on the other; the start that leads to more mutual information wins.

    Parameters
    ----------
    fixed, moving : nibabel.Nifti1Image
        As the scanner gave them; not masked, so that a mask made in one space serves for the other.
    moving_name : str or Path, named in errors

    Returns
    -------
    SimpleITK.Euler3DTransform
        Maps fixed points to moving points (LPS, mm).

    Raises
    ------
    InputError
        If the optimization fails from every start.
    """
    first, second = _brain(fixed, None), _brain(moving, None)
    shrunk = _coarsened(first)
    center, other = (
        image.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in image.GetSize()])
        for image in (first, second)
    )
    starts, shift = [(0.0, 0.0, 0.0)], np.subtract(other, center)
    if np.linalg.norm(shift) > FAR_MM:
        starts.append(shift.tolist())
    results, failures = [], []
    for translation in starts:
        try:
            results.append(_settled(shrunk, second, center, translation, moving_name))
        except InputError as error:
            # images that do not overlap from here
            failures.append(error)
    if not results:
        raise failures[0]
    return min(results, key=lambda each: each[0])[1]


def align_affine(
    template: np.ndarray, template_affine: np.ndarray, image: nib.Nifti1Image, mask: np.ndarray, name: str | Path
) -> sitk.AffineTransform:
    """Affine transform of a subject's brain onto the template, by mutual information.

    Parameters
    ----------
    template : array (X, Y, Z), brain-extracted
    template_affine : array (4, 4), mm
    image : nibabel.Nifti1Image
    mask : bool array of the image's shape
    name : str or Path, named in errors

    Returns
    -------
    SimpleITK.AffineTransform
        Maps template points to subject points (LPS, mm).

    Raises
    ------
    InputError
        If the optimization fails, or its result changes volume by more than a factor of 2.5.
    """
    fixed, moving = to_sitk(template.astype(np.float32), template_affine), _brain(image, mask)
    shrunk = _coarsened(fixed)
    initial = sitk.CenteredTransformInitializer(
        shrunk, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    rigid = _execute(_registration([3], [4], 100), shrunk, moving, initial, name)
    rigid = sitk.Euler3DTransform(sitk.CompositeTransform(rigid).GetBackTransform())
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    result = _execute(_registration([2, 1], [4, 2], 150), shrunk, moving, affine, name)
    result = sitk.AffineTransform(sitk.CompositeTransform(result).GetBackTransform())
    volume = np.linalg.det(np.array(result.GetMatrix()).reshape(3, 3))
    if not 0.4 < volume < 2.5:
        raise InputError(f"{name}: expected a brain near the template's size, found a volume ratio of {volume:.2f}")
    return result


def require_same_head(
    fixed: nib.Nifti1Image,
    mask: np.ndarray,
    moving: nib.Nifti1Image,
    rigid: sitk.Euler3DTransform,
    moving_name: str | Path,
) -> float:
    """Refuse a second scan that cannot be of the same head; heads of about one size are not told apart.

    Parameters
    ----------
    fixed, moving : nibabel.Nifti1Image
    mask : bool array of the fixed image's shape
    rigid : SimpleITK.Euler3DTransform, as `align_rigid` gives it
    moving_name : str or Path, named in errors

    Returns
    -------
    float
        Volume of the brain in the second scan over that in the first, by a similarity transform.

    Raises
    ------
    InputError
        If less than `FIELD_OF_VIEW` of the brain lies in the second scan's field of view, or the ratio of volumes is
        outside `VOLUME_RATIO`.
    """
    first, second = _brain(fixed, None), _brain(moving, None)
    inside = np.argwhere(mask)[:: max(1, int(mask.sum()) // 10_000)]
    to_moving = np.linalg.inv(moving.affine) @ affine_matrix(rigid) @ fixed.affine
    voxels = inside @ to_moving[:3, :3].T + to_moving[:3, 3]
    held = ((voxels >= -0.5) & (voxels <= np.array(moving.shape) - 0.5)).all(axis=1).mean()
    if held < FIELD_OF_VIEW:
        message = f"expected at least {FIELD_OF_VIEW:.0%} of the brain in its field of view, found {held:.0%}"
        raise InputError(f"{moving_name}: {message}: it may be of somebody else, or not aligned")
    around = _coarsened(to_sitk(mask.astype(np.float32), fixed.affine)) > 0.5
    around = sitk.BinaryDilate(around, [round(AROUND_MM / spacing) for spacing in around.GetSpacing()])
    method = _registration([2, 1], [3, 1.5], 100)
    method.SetMetricFixedMask(around)
    initial = sitk.Similarity3DTransform()
    initial.SetCenter(rigid.GetCenter())
    initial.SetMatrix(rigid.GetMatrix())
    initial.SetTranslation(rigid.GetTranslation())
    result = _execute(method, _coarsened(first), second, initial, moving_name)
    ratio = sitk.Similarity3DTransform(sitk.CompositeTransform(result).GetBackTransform()).GetScale() ** 3
    if not VOLUME_RATIO[0] < ratio < VOLUME_RATIO[1]:
        message = f"expected a brain of the other scan's size, found {ratio:.2f} of its volume"
        raise InputError(f"{moving_name}: {message}: it is of somebody else, or its voxel size is wrong")
    return ratio
