"""Brain extraction by deepbet (Fisch et al. 2024, arXiv:2308.07003): a network for T1w heads, weights included."""

from pathlib import Path

import nibabel as nib
import numpy as np
from deepbet import BrainExtraction

from ganreg.errors import InputError


def brain_mask(image: nib.Nifti1Image, name: str | Path) -> np.ndarray:
    """Brain mask of a whole head.

    Parameters
    ----------
    image : nibabel.Nifti1Image, T1w, (X, Y, Z) in RAS order
    name : str or Path, named in errors

    Returns
    -------
    bool array of the image's shape

    Raises
    ------
    InputError
        If no brain is found.
    """
    try:
        # on the processor whatever there is, so that masks do not depend on the machine
        _, mask, _ = BrainExtraction(no_gpu=True).run(image)
    except (AssertionError, ValueError) as error:
        # how deepbet says that it has found nothing
        raise InputError(f"{name}: expected a T1w head, found no brain in it ({error})") from None
    return np.asarray(mask.dataobj) > 0
