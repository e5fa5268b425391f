"""Z-score each modality of a subject over the brain mask, background 0 (Eq. 1)."""

from pathlib import Path

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import normalize, resample
from ganreg.spatial import itk


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "mask", many=("images", "outputs"))
    parser.add_argument(
        "--rigid", nargs="*", type=Path, default=[], help="reference-to-image matrices of all but the first"
    )
    args = parser.parse_args(argv)
    brain = io.load_labels(args.mask)
    for index, (path, output) in enumerate(zip(args.images, args.outputs, strict=True)):
        image = io.load_image(path)
        if index == 0:
            io.require_same_grid(brain, args.mask, image, path)
            mask = np.asarray(brain.dataobj) > 0
        else:
            # image points to reference points: the mask is carried over by the head's own movement
            transform = itk.to_transform(np.linalg.inv(np.loadtxt(args.rigid[index - 1])))
            mask = resample.resample_mask(brain, transform, image)
        io.save(output, normalize.zscore(np.asarray(image.dataobj), mask, path), image.affine)


if __name__ == "__main__":
    cli.run(main)
