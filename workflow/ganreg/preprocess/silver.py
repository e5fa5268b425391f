"""Silver labels: the template's, brought to a subject by SyN, T1w to T1w, each subject on its own."""

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from ganreg import io
from ganreg.preprocess import resample
from ganreg.preprocess.settings import Propagation
from ganreg.spatial import itk
from ganreg.tools import ants
from ganreg.volumes import normalize


def propagate(
    template: dict[str, np.ndarray],
    template_affine: np.ndarray,
    image: nib.Nifti1Image,
    to_subject: np.ndarray,
    settings: Propagation,
) -> np.ndarray:
    """Bring the template's labels to a subject.

    SyN runs in the template's space, from the affine alignment that every subject has. Labels are resampled once: the
    label with the largest linear share wins.

    Parameters
    ----------
    template : dict of arrays (X, Y, Z): `T1w`, 0 outside the brain; `mask`, bool; `dseg`, int
    template_affine : array (4, 4), mm
    image : nibabel.Nifti1Image
        The subject's normalized T1w, 0 outside the brain.
    to_subject : array (4, 4)
        RAS world matrix of the affine alignment, template points to subject points.
    settings : Propagation

    Returns
    -------
    int array of the image's shape, label numbers of the template
    """
    extent = np.array(template["mask"].shape) * np.linalg.norm(template_affine[:3, :3], axis=0)
    shape = tuple(np.ceil(extent / settings.spacing).astype(int).tolist())
    affine = resample.grid_affine(template["mask"], template_affine, shape, settings.spacing)
    average = nib.Nifti1Image(normalize.zscore(template["T1w"], template["mask"], "template"), template_affine)
    grids = {
        "fixed": (image, itk.to_transform(to_subject)),
        "moving": (average, sitk.Transform(3, sitk.sitkIdentity)),
    }
    with io.scratch() as folder:
        for name, (volume, transform) in grids.items():
            data = resample.resample_image(volume, transform, shape, affine)
            io.save(folder / f"{name}.nii.gz", data, affine)
        ants.register(folder / "fixed.nii.gz", folder / "moving.nii.gz", folder / "warp.nii.gz", settings)
        field = sitk.Cast(sitk.ReadImage(str(folder / "warp.nii.gz")), sitk.sitkVectorFloat64)
    # the last one is applied first: subject to template space, and from there along the warp
    transform = sitk.CompositeTransform(
        [sitk.DisplacementFieldTransform(field), itk.to_transform(np.linalg.inv(to_subject))]
    )
    reference = itk.to_sitk(np.zeros(image.shape, dtype=np.uint8), image.affine)
    labels = itk.to_sitk(template["dseg"], template_affine)
    return itk.from_sitk(sitk.Resample(labels, reference, transform, sitk.sitkLabelLinear, 0))
