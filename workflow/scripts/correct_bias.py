"""Divide an image by its bias field (N4)."""

from pathlib import Path

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import bias, masks
from ganreg.preprocess.settings import BiasCorrection


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, BiasCorrection), "image", "mask", "output")
    parser.add_argument("--rigid", type=Path, help="reference-to-image matrix, where the mask is another image's")
    args = parser.parse_args(argv)
    image, brain = io.load_image(args.image), io.load_labels(args.mask)
    rigid = np.loadtxt(args.rigid) if args.rigid else None
    mask = masks.mask_on(image, args.image, brain, args.mask, rigid)
    io.save(args.output, bias.correct(image, mask, args.options, args.image), image.affine)


if __name__ == "__main__":
    cli.run(main)
