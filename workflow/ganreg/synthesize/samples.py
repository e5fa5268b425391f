"""Synthetic subjects on disk: the layout and the units of preprocessed subjects, so that training takes either."""

from pathlib import Path

import nibabel as nib
import numpy as np

from ganreg import io
from ganreg.preprocess import normalize
from ganreg.progress import Progress, unfinished

# one int16 step: a thousandth of the brain's standard deviation; the scores fit in plus and minus 32
SCALE = 0.001


def _save_int16(path, data, affine):
    """Write a float volume as int16 with a scale factor, whole or not at all; 0 stays exactly 0."""
    limits = np.iinfo(np.int16)
    stored = np.clip(np.rint(np.asarray(data) / SCALE), limits.min, limits.max).astype(np.int16)
    image = nib.Nifti1Image(stored, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    # after the image is made, which clears it; nibabel writes the integers as they are
    image.header.set_slope_inter(SCALE, 0)
    with io.atomic(path) as beside:
        nib.save(image, beside)


def write_sample(folder, name, images, dseg, affine):
    """Write one synthetic subject as preprocessed subjects are written.

    `sub-{name}/anat/sub-{name}_{desc-preproc_MODALITY,desc-brain_mask,dseg}.nii.gz`: images are z-scored over the brain
    (`normalize.zscore`: mean 4, standard deviation 1, background 0) and stored as int16 with a scale factor.

    Parameters
    ----------
    folder : Path of the set of samples
    name : str, the subject's label without "sub-"
    images : dict of float arrays (X, Y, Z) by modality, in any unit
    dseg : int array (X, Y, Z), 0 outside the brain
    affine : array (4, 4), mm

    Returns
    -------
    list of Path, what was written

    Raises
    ------
    InputError
        If the brain is empty or an image constant in it.
    """
    anat = Path(folder) / f"sub-{name}" / "anat"
    mask = np.asarray(dseg) > 0
    paths = {modality: anat / f"sub-{name}_desc-preproc_{modality}.nii.gz" for modality in images}
    for modality, data in images.items():
        _save_int16(paths[modality], normalize.zscore(np.asarray(data), mask, paths[modality]), affine)
    volumes = {"desc-brain_mask": mask, "dseg": dseg}
    for suffix, data in volumes.items():
        paths[suffix] = anat / f"sub-{name}_{suffix}.nii.gz"
        io.save(paths[suffix], data, affine, np.uint8)
    return [*paths.values()]


def write_set(output, name, label, count, draw, mark):
    """Write a set of samples into a folder; an interrupted one goes on where it was.

    Parameters
    ----------
    output : Path of the folder; a finished part lies beside it until the whole stands
    name : str, shown in progress
    label : str, of the subjects: `sub-{label}0001` and so on
    count : int
    draw : function (number from 1) -> (images, dseg, affine), as `write_sample` wants them
        A function of the number alone.
    mark : str
        Fingerprint of options, code and inputs; a part with another one is set aside.
    """
    subjects = [f"{label}{number:04d}" for number in range(1, count + 1)]
    with unfinished(output, mark, name) as part:
        progress = Progress(name, count)
        for number, subject in enumerate(subjects, start=1):
            if part.finished(subject) is None:
                part.finish(subject, write_sample(part.folder, subject, *draw(number)))
            progress.step()
        progress.close()
