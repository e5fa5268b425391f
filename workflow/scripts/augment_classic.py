"""Write augmented copies of one preprocessed subject, as previews (Fig. 4)."""

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.preprocess import augment
from ganreg.preprocess.settings import Augmentation
from ganreg.settings import Block
from ganreg.volumes import bids
from ganreg.volumes.labels import mirror_labels


class Options(Block):
    """What is drawn, and the images that are shown."""

    augmentation: Augmentation
    modalities: list[str]


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Options), "subjects", "structures", "output")
    parser.add_argument("--subject", required=True)
    args = parser.parse_args(argv)
    augmentation, images = args.options.augmentation, {}
    for modality in args.options.modalities:
        volume = io.load_image(bids.path(args.subjects, args.subject, bids.preprocessed(modality)))
        images[modality] = np.ascontiguousarray(np.asarray(volume.dataobj))
    dseg = io.load_labels(bids.path(args.subjects, args.subject, bids.DSEG))
    labels = np.ascontiguousarray(np.asarray(dseg.dataobj), dtype=np.uint8)
    classic = augment.ClassicAugmentation(augmentation, mirror_labels(pd.read_csv(args.structures, sep="\t")))
    with io.atomic(args.output) as folder:
        for number in range(1, augmentation.previews + 1):
            ((augmented, augmented_labels),) = classic([(images, labels)], dseg.affine, number)
            for name, data in augmented.items():
                io.save(folder / f"desc-augmented{number}_{name}.nii.gz", data, dseg.affine)
            io.save(folder / f"desc-augmented{number}_dseg.nii.gz", augmented_labels, dseg.affine, np.uint8)


if __name__ == "__main__":
    cli.run(main)
