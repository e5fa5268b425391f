"""Bring the template's labels to a subject by SyN: silver labels."""

import numpy as np

from ganreg import cli, io
from ganreg.get import template
from ganreg.preprocess import silver
from ganreg.preprocess.settings import Propagation


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Propagation), "template", "image", "affine", "output")
    args = parser.parse_args(argv)
    volumes, grid = template.load_template(template.files_in(args.template, "T1w", "mask", "dseg"))
    image = io.load_image(args.image)
    labels = silver.propagate(volumes, grid, image, np.loadtxt(args.affine), args.options)
    io.save(args.output, labels, image.affine, np.int16)


if __name__ == "__main__":
    cli.run(main)
