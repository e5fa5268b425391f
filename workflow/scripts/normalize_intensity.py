"""Z-score each modality of a subject over the brain mask, background 0 (Eq. 1)."""

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import masks
from ganreg.settings import Block
from ganreg.volumes import bids, normalize


class Options(Block):
    """The subject's modalities in the order of its images, the reference first."""

    reference: str
    modalities: list[str]


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Options), "aligned", "output", many=("images",))
    parser.add_argument("--subject", required=True)
    args = parser.parse_args(argv)
    reference = args.options.reference
    brain_path = bids.inside(args.aligned, args.subject, bids.native_mask(reference))
    brain = io.load_labels(brain_path)
    with io.atomic(args.output) as folder:
        for modality, path in zip(args.options.modalities, args.images, strict=True):
            rigid = None
            if modality != reference:
                rigid = np.loadtxt(bids.inside(args.aligned, args.subject, bids.linear(reference, modality)))
            image = io.load_image(path)
            mask = masks.mask_on(image, path, brain, brain_path, rigid)
            scores = normalize.zscore(np.asarray(image.dataobj), mask, path)
            io.save(bids.inside(folder, args.subject, bids.normalized(modality)), scores, image.affine)


if __name__ == "__main__":
    cli.run(main)
