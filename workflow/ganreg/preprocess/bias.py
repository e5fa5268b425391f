"""Bias field correction by N4 (Tustison et al. 2010, doi:10.1109/TMI.2010.2046908) with SimpleITK."""

from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from ganreg.errors import InputError
from ganreg.preprocess.settings import BiasCorrection
from ganreg.spatial.itk import from_sitk, shrink_factors, to_sitk


def correct(image: nib.Nifti1Image, mask: np.ndarray, settings: BiasCorrection, name: str | Path) -> np.ndarray:
    """Divide an image by its bias field, which is found on a coarse copy and applied to every voxel.

    Parameters
    ----------
    image : nibabel.Nifti1Image
    mask : bool array of the image's shape: where the field is found; beyond it is extrapolated
    settings : BiasCorrection
        `spacing_mm` of the coarse copy; `iterations` at each level, the control points twice as dense each time.
    name : str or Path, named in errors

    Returns
    -------
    float32 array of the image's shape; inside the mask the logarithm of the field has the mean 0.

    Raises
    ------
    InputError
        If the image has no values above 0 inside the mask.
    """
    data = np.asarray(image.dataobj, dtype=np.float32)
    # N4 takes logarithms
    inside = mask & (data > 0)
    if not inside.any():
        raise InputError(f"{name}: expected values above 0 inside the brain mask, found none")
    full = to_sitk(data, image.affine)
    factors = shrink_factors(full, settings.spacing_mm)
    coarse = sitk.BinShrink(full, factors)
    where = sitk.BinShrink(to_sitk(inside.astype(np.float32), image.affine), factors) > 0.5
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(settings.iterations)
    n4.Execute(coarse, where)
    field = from_sitk(n4.GetLogBiasFieldAsImage(full))
    return data / np.exp(field - field[inside].mean())
