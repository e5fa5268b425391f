"""ConvexAdam on MIND descriptors (Siebert, Hansen and Heinrich 2021, doi:10.1007/978-3-030-97281-3_22)."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from ganreg.settings import Block, Count, Positive

# what the function imports and takes long to: imported before the first pair's seconds are counted
PACKAGES = ("torch", "convexAdam.convex_adam_MIND")


class Convexadam(Block):
    """ConvexAdam, under its own names."""

    mind_r: Count = Field(1, description="Radius of the MIND descriptor, in voxels.")
    mind_d: Count = Field(2, description="Dilation of the descriptor, in voxels.")
    grid_sp: Count = Field(4, description="Spacing of the search, in voxels; best a divisor of the grid's shape.")
    disp_hw: Count = Field(3, description="Half width of the search, in steps of its spacing.")
    grid_sp_adam: Count = Field(1, description="Spacing of Adam's grid, in voxels.")
    selected_niter: Count = Field(80, description="Steps of Adam.")
    lambda_weight: Positive = Field(1.5, description="Weight of its diffusion term.")
    selected_smooth: Literal[0, 3, 5] = Field(0, description="Width of a last smoothing, in voxels; 0: none.")


def register(fixed_path: Path, moving_path: Path, output: Path, settings: Convexadam) -> None:
    """Register two preprocessed images with ConvexAdam and write the transform file.

    A coupled convex search over discrete displacements, made inverse consistent, then Adam on a displacement grid.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid.
    output : Path of the transform file
    settings : Convexadam

    Raises
    ------
    InputError
        If the images are not on one grid.
    """
    import numpy as np
    import torch
    from convexAdam.convex_adam_MIND import convex_adam_pt

    from ganreg import io
    from ganreg.spatial import transform_file

    fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
    io.require_same_grid(fixed, fixed_path, moving, moving_path)
    arrays = [np.asarray(image.dataobj) for image in (fixed, moving)]
    # its default is half precision
    displacement = convex_adam_pt(*arrays, dtype=torch.float32, device=torch.device("cpu"), **settings.model_dump())
    transform_file.write_transform(output, np.moveaxis(displacement, 3, 0), fixed.affine)
