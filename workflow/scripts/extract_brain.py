"""Find the brain in a T1w image of the whole head."""

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import extract


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "image", "output").parse_args(argv)
    image = io.load_image(args.image)
    io.save(args.output, extract.brain_mask(image, args.image), image.affine, np.uint8)


if __name__ == "__main__":
    cli.run(main)
