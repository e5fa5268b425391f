"""Z-score each modality of a subject over the brain mask, background 0 (Eq. 1)."""

from pathlib import Path

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import normalize, resample


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "mask", many=("images", "outputs"))
    parser.add_argument(
        "--rigid", nargs="*", type=Path, default=[], help="reference-to-image matrices of all but the first"
    )
    args = parser.parse_args(argv)
    brain = io.load_labels(args.mask)
    for path, output, rigid in zip(args.images, args.outputs, [None, *args.rigid], strict=True):
        image = io.load_image(path)
        mask = resample.carry_mask(brain, args.mask, image, path, rigid)
        io.save(output, normalize.zscore(np.asarray(image.dataobj), mask, path), image.affine)


if __name__ == "__main__":
    cli.run(main)
