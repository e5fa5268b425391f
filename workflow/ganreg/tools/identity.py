"""The start: nothing is moved after the affine alignment."""

from pathlib import Path

from ganreg.settings import Block

# what the function imports and takes long to: imported before the first pair's seconds are counted
PACKAGES = ()


class Nothing(Block):
    """There is nothing to set."""


def register(fixed_path: Path, _moving_path: Path, output: Path, settings: Nothing) -> None:
    """Write a transform that moves nothing, on the fixed grid."""
    import numpy as np

    from ganreg import io
    from ganreg.spatial import transform_file

    fixed = io.load(fixed_path)
    transform_file.write_transform(output, np.zeros((3, *fixed.shape), np.float32), fixed.affine)
