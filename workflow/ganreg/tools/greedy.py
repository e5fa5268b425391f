"""Greedy diffeomorphic registration (Yushkevich et al. 2016, doi:10.1016/j.jalz.2016.06.205) through picsl-greedy."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ganreg.errors import InputError
from ganreg.settings import Block, Positive, Weight, Whole

# what the function imports and takes long to: imported before the first pair's seconds are counted
PACKAGES = ("picsl_greedy", "SimpleITK")


class Greedy(Block):
    """Greedy, by picsl-greedy."""

    iterations: Annotated[list[Whole], Field(min_length=1)] = Field(
        [100, 100], description="Per level, coarse to fine."
    )
    gradient_step: Positive = Field(0.5, description="The longest step of an iteration, in voxels of the level.")
    flow_sigma: Weight = Field(1.5, description="Smoothing of the update, in voxels of the level.")
    total_sigma: Weight = Field(0.5, description="Smoothing of the warp, in voxels of the level.")


def register(fixed_path: Path, moving_path: Path, output: Path, settings: Greedy) -> None:
    """Register two preprocessed images with greedy on normalized mutual information and write the transform file.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    settings : Greedy

    Raises
    ------
    InputError
        If the images are not on one grid, or greedy fails.
    """
    import numpy as np
    import picsl_greedy
    import SimpleITK as sitk

    from ganreg import io
    from ganreg.spatial import itk, transform_file

    fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
    io.require_same_grid(fixed, fixed_path, moving, moving_path)
    images = {
        name: itk.to_sitk(np.asarray(image.dataobj), image.affine)
        for name, image in (("fixed", fixed), ("moving", moving))
    }
    command = ["-i fixed moving -m NMI", f"-n {'x'.join(map(str, settings.iterations))}"]
    command += [f"-e {settings.gradient_step}", f"-s {settings.flow_sigma}vox {settings.total_sigma}vox"]
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
