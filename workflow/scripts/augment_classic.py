"""Write augmented copies of one preprocessed subject, to be looked at (Fig. 4)."""

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.preprocess import augment
from ganreg.preprocess.labels import mirrors


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "dseg", "structures", "output", many=("images",))
    args = parser.parse_args(argv)
    volumes = {path.name.removesuffix(".nii.gz").rsplit("_", 1)[1]: io.load_image(path) for path in args.images}
    dseg = io.load_labels(args.dseg)
    images = {name: np.ascontiguousarray(np.asarray(volume.dataobj)) for name, volume in volumes.items()}
    labels = np.ascontiguousarray(np.asarray(dseg.dataobj), dtype=np.uint8)
    classic = augment.ClassicAugmentation(args.options, mirrors(pd.read_csv(args.structures, sep="\t")))
    with io.atomic(args.output) as folder:
        for number in range(1, args.options["previews"] + 1):
            ((augmented, augmented_labels),) = classic([(images, labels)], dseg.affine, number)
            for name, data in augmented.items():
                io.save(folder / f"desc-augmented{number}_{name}.nii.gz", data, dseg.affine)
            io.save(folder / f"desc-augmented{number}_dseg.nii.gz", augmented_labels, dseg.affine, np.uint8)


if __name__ == "__main__":
    cli.run(main)
