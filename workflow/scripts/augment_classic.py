"""Write augmented copies of one preprocessed subject, to be looked at (Fig. 4)."""

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import augment


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "dseg", "output", many=("images",))
    args = parser.parse_args(argv)
    volumes = {path.name.removesuffix(".nii.gz").rsplit("_", 1)[1]: io.load_image(path) for path in args.images}
    dseg = io.load_labels(args.dseg)
    images = {name: np.ascontiguousarray(np.asarray(volume.dataobj)) for name, volume in volumes.items()}
    labels = np.ascontiguousarray(np.asarray(dseg.dataobj))
    copies = augment.augment(images, labels, dseg.affine, args.options, args.options["previews"])
    with io.atomic(args.output) as folder:
        for number, (augmented, augmented_labels) in enumerate(copies, start=1):
            for name, data in augmented.items():
                io.save(folder / f"desc-augmented{number}_{name}.nii.gz", data, dseg.affine)
            io.save(folder / f"desc-augmented{number}_dseg.nii.gz", augmented_labels, dseg.affine, np.uint8)


if __name__ == "__main__":
    cli.run(main)
