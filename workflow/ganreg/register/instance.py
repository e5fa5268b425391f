"""Instance optimization: the refinement's objective, minimized on each pair from the identity; nothing is learned.

The control of all networks: what one of them is worth beyond its objective is its lead over this.
"""

from pathlib import Path

from pydantic import Field

from ganreg.errors import InputError
from ganreg.register.settings import Refinement
from ganreg.settings import Count, Device, Positive, Weight, of_runtime

# what the function imports and takes long to: imported before the first pair's seconds are counted
PACKAGES = ("torch", "ganreg.learn.devices", "ganreg.register.refine", "ganreg.register.velocity")


class Instance(Refinement):
    """Instance optimization by MIND and mutual information, from the identity."""

    diffusion: Weight = Field(2, description="Weight of the diffusion of the displacement.")
    steps: Count = Field(150, description="Steps of Adam.")
    learning_rate: Positive = Field(0.3, description="Of Adam; it falls to zero along half a cosine.")
    integration_steps: Count = Field(5, description="Squarings.")
    device: Device = of_runtime("auto")
    threads: Count = of_runtime(1)


def register(fixed_path: Path, moving_path: Path, output: Path, settings: Instance) -> None:
    """Register two preprocessed images by optimizing a stationary velocity at half size, and write the transform file.

    Parameters
    ----------
    fixed_path, moving_path : Path
        Preprocessed volumes on one grid of even sides.
    output : Path of the transform file
    settings : Instance

    Raises
    ------
    InputError
        If the images are not on one grid, or a side of it is odd.
    """
    import numpy as np
    import torch

    from ganreg import io
    from ganreg.learn.devices import choose_device
    from ganreg.register.refine import optimize
    from ganreg.register.velocity import displacement_of
    from ganreg.spatial import transform_file

    fixed, moving = io.load_image(fixed_path), io.load_image(moving_path)
    io.require_same_grid(fixed, fixed_path, moving, moving_path)
    if any(size % 2 for size in fixed.shape):
        raise InputError(f"{fixed_path}: expected a grid of even sides, found {'x'.join(map(str, fixed.shape))}")
    device = choose_device(settings.device)
    images = [torch.from_numpy(np.asarray(image.dataobj))[None, None].to(device) for image in (fixed, moving)]

    velocity = optimize(images[0], images[1], settings, settings.integration_steps)
    displacement = displacement_of(velocity, settings.integration_steps)
    transform_file.write_transform(output, displacement[0].cpu().numpy(), fixed.affine)
