"""Carry the template's labels to a subject by SyN: silver labels."""

import numpy as np

from ganreg import cli, io
from ganreg.get import template
from ganreg.preprocess import silver


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "template", "image", "affine", "output").parse_args(argv)
    files = {name: args.template / f"template_{name}.nii.gz" for name in ("T1w", "mask", "dseg")}
    volumes, grid = template.load_template(files)
    image = io.load_image(args.image)
    labels = silver.propagate(volumes, grid, image, np.loadtxt(args.affine), args.options)
    io.save(args.output, labels, image.affine, np.int16)


if __name__ == "__main__":
    cli.run(main)
