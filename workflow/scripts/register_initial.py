"""The start: affine alignment only, an identity transform for each pair."""

import numpy as np

from ganreg import cli, io
from ganreg.register import batch
from ganreg.spatial import transform_file


def write_identity(fixed_path, _moving_path, output):
    """Write a transform that moves nothing, on the fixed grid."""
    fixed = io.load(fixed_path)
    transform_file.write_transform(output, np.zeros((3, *fixed.shape), np.float32), fixed.affine)


def main(argv=None):
    batch.run(cli.parser(__doc__), argv, lambda args: write_identity)


if __name__ == "__main__":
    cli.run(main)
