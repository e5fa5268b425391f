"""Rigid and affine alignment with SimpleITK, repeatable: one thread, fixed seed."""

import numpy as np
import SimpleITK as sitk

from ganreg.errors import InputError
from ganreg.spatial.itk import affine_matrix, to_sitk

SEED = 1
# spacings at the finest level: linear transforms need no more
COARSE_MM = 3
MOVING_MM = 2
# the share of the brain that a second scan must hold, and the ratios of its volume that pass: T1w to T2w, real and
# simulated, gave .95 to 1.01 in one head and .71 to 1.29 in two adults' heads
FIELD_OF_VIEW = 0.5
VOLUME_RATIO = (0.7, 1.43)
# around the brain, for the skull to count
AROUND_MM = 15


def _registration(shrink_factors, smoothing_mm, iterations):
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([0.5, 0.15][: len(shrink_factors)], SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=iterations, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(shrink_factors)
    method.SetSmoothingSigmasPerLevel(smoothing_mm)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _execute(method, fixed, moving, initial, name):
    method.SetInitialTransform(initial, inPlace=False)
    try:
        # a composite of one linear transform comes back
        return method.Execute(fixed, sitk.BinShrink(moving, _shrink(moving, MOVING_MM)))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{name}: expected an image that can be aligned, found: {reason}") from None


def _brain(image, mask):
    data = np.asarray(image.dataobj, dtype=np.float32)
    return to_sitk(data if mask is None else np.where(mask, data, 0), image.affine)


def _shrink(image, target_mm):
    """Shrink factors per axis so that the spacing comes near `target_mm`, and so on for thick slices."""
    return [max(1, round(target_mm / spacing)) for spacing in image.GetSpacing()]


def align_rigid(fixed, moving, moving_name):
    """Rigid transform of one head between two scans, by mutual information.

    Parameters
    ----------
    fixed, moving : nibabel.Nifti1Image
        As the scanner gave them; not masked, so that a mask made in one space serves for the other.
    moving_name : str or Path, named in errors

    Returns
    -------
    SimpleITK.Euler3DTransform
        Maps fixed points to moving points (LPS, mm).
    """
    first, second = _brain(fixed, None), _brain(moving, None)
    initial = sitk.Euler3DTransform()
    size = np.array(first.GetSize()) - 1
    initial.SetCenter(first.TransformContinuousIndexToPhysicalPoint((size / 2).tolist()))
    shrunk = sitk.BinShrink(first, _shrink(first, COARSE_MM))
    result = _execute(_registration([2, 1], [3, 1.5], 100), shrunk, second, initial, moving_name)
    return sitk.Euler3DTransform(sitk.CompositeTransform(result).GetBackTransform())


def align_affine(template, template_affine, image, mask, name):
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
        If the optimisation fails, or its result changes volume by more than a factor of 2.5.
    """
    fixed, moving = to_sitk(template.astype(np.float32), template_affine), _brain(image, mask)
    shrunk = sitk.BinShrink(fixed, _shrink(fixed, COARSE_MM))
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


def require_same_head(fixed, mask, moving, rigid, moving_name):
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
    shrink = _shrink(first, COARSE_MM)
    around = sitk.BinShrink(to_sitk(mask.astype(np.float32), fixed.affine), shrink) > 0.5
    around = sitk.BinaryDilate(around, [round(AROUND_MM / spacing) for spacing in around.GetSpacing()])
    method = _registration([2, 1], [3, 1.5], 100)
    method.SetMetricFixedMask(around)
    initial = sitk.Similarity3DTransform()
    initial.SetCenter(rigid.GetCenter())
    initial.SetMatrix(rigid.GetMatrix())
    initial.SetTranslation(rigid.GetTranslation())
    result = _execute(method, sitk.BinShrink(first, shrink), second, initial, moving_name)
    ratio = sitk.Similarity3DTransform(sitk.CompositeTransform(result).GetBackTransform()).GetScale() ** 3
    if not VOLUME_RATIO[0] < ratio < VOLUME_RATIO[1]:
        message = f"expected a brain of the other scan's size, found {ratio:.2f} of its volume"
        raise InputError(f"{moving_name}: {message}: it is of somebody else, or its voxel size is wrong")
    return ratio
