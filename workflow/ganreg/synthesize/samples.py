"""Synthetic subjects on disk: the layout and the units of preprocessed subjects, so that training takes either."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from ganreg import io, manifest
from ganreg.progress import Progress
from ganreg.resume import resume_key, unfinished
from ganreg.split.folds import Fold
from ganreg.synthesize.settings import SampleSet
from ganreg.volumes import bids, normalize

# number from 1 -> (images by modality, labels, affine), a function of the number alone
Sampler = Callable[[int], tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]]

# kind -> what the labels of its subjects begin with
LABELS = {"pgan": "pgan", "warped": "warped", "random_contrast": "contrast", "dagan": "dagan"}

# maps of which samples are drawn to see what the latent vector decides, and samples of each
MAPS, VECTORS = 2, 5

# one int16 step: a thousandth of the brain's standard deviation; the scores fit in plus and minus 32
SCALE = 0.001


def _save_int16(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
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


def write_sample(
    folder: Path, name: str, images: Mapping[str, np.ndarray], dseg: np.ndarray, affine: np.ndarray
) -> list[Path]:
    """Write one synthetic subject as preprocessed subjects are written: images, brain mask, labels.

    Images are z-scored over the brain (`normalize.zscore`: mean 4, standard deviation 1, background 0) and stored as
    int16 with a scale factor.

    Parameters
    ----------
    folder : Path of the set of samples
    name : str, the subject's label
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
    mask, paths = np.asarray(dseg) > 0, []
    for modality, data in images.items():
        paths.append(bids.path(folder, name, bids.preprocessed(modality)))
        _save_int16(paths[-1], normalize.zscore(np.asarray(data), mask, paths[-1]), affine)
    for suffix, volume in ((bids.MASK, mask), (bids.DSEG, dseg)):
        paths.append(bids.path(folder, name, suffix))
        io.save(paths[-1], volume, affine, np.uint8)
    return paths


def write_set(output: Path, name: str, subjects: Sequence[str], draw: Sampler, key: str) -> None:
    """Write a set of samples into a folder; an interrupted one goes on where it was.

    Parameters
    ----------
    output : Path of the folder; a finished part lies beside it until the whole stands
    name : str, shown in progress
    subjects : list of str, labels of the samples
    draw : function (number from 1) -> (images, dseg, affine), as `write_sample` wants them
        A function of the number alone.
    key : str, the resume key; a part with another one is set aside
    """
    with unfinished(output, key, name) as part:
        progress = Progress(name, len(subjects))
        for number, subject in enumerate(subjects, start=1):
            if part.finished(subject) is None:
                part.finish(subject, write_sample(part.folder, subject, *draw(number)))
            progress.step()
        progress.close()


def vector_names(names: Sequence[str]) -> list[str]:
    """Labels of several samples of each of the first maps: those of subject 07 are 07z1, 07z2 and so on."""
    return [f"{name}z{number}" for name in names[:MAPS] for number in range(1, VECTORS + 1)]


def map_of_vector(name: str) -> str:
    """The subject whose map a sample of `vector_names` has."""
    return name.rpartition("z")[0]


def write_fold(
    kind: str,
    fold: Fold,
    options: SampleSet,
    draw: Sampler,
    opened: Mapping[str, str],
    output: Path,
    manifest_path: Path,
    code: str,
) -> None:
    """Write a fold's samples of a kind, and what they were made from.

    Parameters
    ----------
    kind : str, of `LABELS`
    fold : dict, of `split.folds`
    options : SampleSet, with all else that the samples follow from
    draw : as in `write_set`
    opened : dict, path -> SHA-256 of the files that they are made from, the same for an interrupted set
    output : Path of the folder
    manifest_path : Path
    code : str, fingerprint of the code
    """
    name, key = f"{kind} samples fold {fold['fold']}", resume_key(options, code, opened)
    write_set(output, name, [f"{LABELS[kind]}{number:04d}" for number in range(1, options.samples + 1)], draw, key)
    content = {"fold": fold["fold"], "kind": kind, "options": options, "opened": opened}
    manifest.write(manifest_path, ["torch", "numpy", "nibabel", "scipy"], **content)
