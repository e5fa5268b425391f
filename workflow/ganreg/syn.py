"""SyN with ANTs (Avants et al. 2008, doi:10.1016/j.media.2007.06.004) through antspyx."""

import os
from pathlib import Path

import numpy as np

from ganreg import io
from ganreg.errors import InputError
from ganreg.spatial import transform_file

SEED = 1


def register(fixed_path, moving_path, output, options):
    """Register two preprocessed images with SyN and write the transform file.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    options : dict
        `metric`: meansquares, mattes or CC; `sampling`: histogram bins (mattes) or radius in voxels (CC);
        `iterations`: per level, coarse to fine; `gradient_step`; `flow_sigma` and `total_sigma` in voxels.

    Raises
    ------
    InputError
        If ANTs ends without a transform.
    """
    # exact repetition needs the seed and one thread; both are read when ANTs starts
    os.environ["ANTS_RANDOM_SEED"] = str(SEED)
    import ants

    with io.scratch() as folder:
        result = ants.registration(
            fixed=ants.image_read(str(fixed_path)),
            moving=ants.image_read(str(moving_path)),
            type_of_transform="SyNOnly",
            initial_transform="Identity",
            syn_metric=options["metric"],
            syn_sampling=options["sampling"],
            reg_iterations=tuple(options["iterations"]),
            grad_step=options["gradient_step"],
            flow_sigma=options["flow_sigma"],
            total_sigma=options["total_sigma"],
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
