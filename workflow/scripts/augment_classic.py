"""Write augmented copies of one preprocessed subject, as previews (Fig. 4)."""

import numpy as np
import pandas as pd
import torch

from ganreg import cli, io
from ganreg.preprocess import augment
from ganreg.preprocess.settings import Augmentation
from ganreg.settings import Block
from ganreg.volumes.labels import mirror_labels
from ganreg.volumes.subjects import Subjects


class Options(Block):
    """What is drawn, and the images that are shown."""

    augmentation: Augmentation
    modalities: list[str]


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Options), "subjects", "structures", "output")
    parser.add_argument("--subject", required=True)
    args = parser.parse_args(argv)
    augmentation, modalities = args.options.augmentation, args.options.modalities
    subjects = Subjects(args.subjects, modalities)
    volumes = subjects.read(args.subject, [*modalities, "dseg"])
    images, labels = torch.cat([volumes[name] for name in modalities])[None], volumes["dseg"][None]
    affine = subjects.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    classic = augment.ClassicAugmentation(augmentation, mirror_labels(pd.read_csv(args.structures, sep="\t")))
    with io.atomic(args.output) as folder:
        for number in range(1, augmentation.previews + 1):
            ((augmented, moved),) = classic([(images, labels)], spacing, number)
            for name, data in zip(modalities, augmented[0], strict=True):
                io.save(folder / f"desc-augmented{number}_{name}.nii.gz", data, affine)
            io.save(folder / f"desc-augmented{number}_dseg.nii.gz", moved[0, 0], affine, np.uint8)


if __name__ == "__main__":
    cli.run(main)
