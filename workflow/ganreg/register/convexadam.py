"""ConvexAdam on MIND descriptors (Siebert, Hansen and Heinrich 2021, doi:10.1007/978-3-030-97281-3_22)."""

import numpy as np
import torch
from convexAdam.convex_adam_MIND import convex_adam_pt

from ganreg import io
from ganreg.spatial import transform_file


def register(fixed_path, moving_path, output, options):
    """Register two preprocessed images with ConvexAdam and write the transform file.

    A coupled convex search over discrete displacements, made inverse consistent, then Adam on a displacement grid.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    options : dict
        Under the package's names: `mind_r` and `mind_d`, radius and dilation of the descriptor (voxels); `grid_sp` and
        `disp_hw`, spacing (voxels) and half width (steps of that spacing) of the search; `grid_sp_adam`, spacing of
        Adam's grid (voxels); `selected_niter`, its steps; `lambda_weight`, of its diffusion term; `selected_smooth`,
        width of the last smoothing (voxels; 0: none).

    Raises
    ------
    InputError
        If the images are not on one grid.
    """
    fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
    io.require_same_grid(fixed, fixed_path, moving, moving_path)
    arrays = [np.asarray(image.dataobj) for image in (fixed, moving)]
    # its default is half precision
    displacement = convex_adam_pt(*arrays, dtype=torch.float32, device=torch.device("cpu"), **options)
    transform_file.write_transform(output, np.moveaxis(displacement, 3, 0), fixed.affine)
