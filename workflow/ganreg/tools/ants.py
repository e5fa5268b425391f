"""SyN with ANTs (Avants et al. 2008, doi:10.1016/j.media.2007.06.004) through antspyx."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ganreg.errors import InputError
from ganreg.settings import Block, Count, Positive, Weight, Whole

SEED = 1

# what the function imports and takes long to: imported before the first pair's seconds are counted
PACKAGES = ("ants",)


class Syn(Block):
    """SyN, by antspyx."""

    metric: str = Field(pattern="^(meansquares|mattes|CC)$", description="meansquares, mattes or CC.")
    sampling: Count = Field(description="Histogram bins (mattes) or radius in voxels (CC).")
    iterations: Annotated[list[Whole], Field(min_length=1)] = Field(description="Per level, coarse to fine.")
    gradient_step: Positive = Field(0.2, description="ANTs' gradient step.")
    flow_sigma: Weight = Field(3, description="Smoothing of the update field, in voxels.")
    total_sigma: Weight = Field(0, description="Smoothing of the total field, in voxels.")


def register(fixed_path: Path, moving_path: Path, output: Path, settings: Syn) -> None:
    """Register two preprocessed images with SyN and write the transform file.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    settings : Syn

    Raises
    ------
    InputError
        If ANTs ends without a transform.
    """
    # exact repetition needs the seed and one thread; both are read when ANTs starts
    os.environ["ANTS_RANDOM_SEED"] = str(SEED)
    import ants
    import numpy as np

    from ganreg import io
    from ganreg.spatial import transform_file

    with io.scratch() as folder:
        result = ants.registration(
            fixed=ants.image_read(str(fixed_path)),
            moving=ants.image_read(str(moving_path)),
            type_of_transform="SyNOnly",
            initial_transform="Identity",
            syn_metric=settings.metric,
            syn_sampling=settings.sampling,
            reg_iterations=tuple(settings.iterations),
            grad_step=settings.gradient_step,
            flow_sigma=settings.flow_sigma,
            total_sigma=settings.total_sigma,
            outprefix=str(folder / "syn"),
            random_seed=SEED,
        )
        warps = [path for path in result["fwdtransforms"] if path.endswith("Warp.nii.gz")]
        if len(warps) != 1:
            raise InputError(f"{moving_path}: expected one warp from SyN onto {fixed_path}, found {len(warps)}")
        linear = [path for path in result["fwdtransforms"] if path.endswith(".mat")]
        for path in linear:
            parameters = ants.read_transform(path).parameters
            if not np.allclose(parameters, [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], atol=1e-6):
                raise InputError(f"{Path(path).name}: expected the identity before SyN, found {parameters}")
        displacement, affine = transform_file.read_transform(warps[0])
    transform_file.write_transform_mm(output, displacement * transform_file.RAS_TO_LPS, affine)
