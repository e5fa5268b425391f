"""Greedy diffeomorphic registration (Yushkevich et al. 2016, doi:10.1016/j.jalz.2016.06.205) through picsl-greedy."""

import numpy as np
import picsl_greedy
import SimpleITK as sitk

from ganreg import io
from ganreg.errors import InputError
from ganreg.spatial import itk, transform_file


def register(fixed_path, moving_path, output, options):
    """Register two preprocessed images with greedy on normalised mutual information and write the transform file.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    options : dict
        `iterations`: per level, coarse to fine; `gradient_step`: the longest step of an iteration, in voxels of the
        level; `flow_sigma` and `total_sigma`: smoothing of the update and of the warp, in those voxels.

    Raises
    ------
    InputError
        If the images are not on one grid, or greedy fails.
    """
    fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
    io.require_same_grid(fixed, fixed_path, moving, moving_path)
    images = {name: itk.to_sitk(image.dataobj, image.affine) for name, image in (("fixed", fixed), ("moving", moving))}
    command = ["-i fixed moving -m NMI", f"-n {'x'.join(map(str, options['iterations']))}"]
    command += [f"-e {options['gradient_step']}", f"-s {options['flow_sigma']}vox {options['total_sigma']}vox"]
    # -wp 0: by default the warp is rounded to a tenth of a voxel; one thread: the sums of more come in any order
    command += ["-o warp", "-wp 0", "-threads 1", "-V 0"]
    greedy = picsl_greedy.Greedy3D()
    try:
        greedy.execute(" ".join(command), **images, warp=None)
    except RuntimeError as error:
        raise InputError(f"{moving_path}: expected a warp from greedy onto {fixed_path}, found {error}") from None
    # (Z, Y, X, 3), LPS
    warp = np.swapaxes(sitk.GetArrayFromImage(greedy["warp"]), 0, 2)
    transform_file.write_transform_mm(output, warp, fixed.affine)
