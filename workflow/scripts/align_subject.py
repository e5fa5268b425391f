"""Find a subject's brain mask, its rigid alignment between modalities and its affine to the template."""

from pathlib import Path

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import align, masks
from ganreg.settings import Block
from ganreg.spatial import itk
from ganreg.volumes import bids


class Options(Block):
    """The subject's modalities, and where its mask is from."""

    reference: str
    others: list[str]
    mask_source: masks.Source
    check_same_head: bool


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Options), "reference", "template", "output")
    parser.add_argument("--subject", required=True)
    parser.add_argument("--brain", type=Path, help="brain mask, or labels that cover the brain; none: a stripped image")
    parser.add_argument("--others", nargs="*", type=Path, default=[], help="the other modalities' images")
    args = parser.parse_args(argv)
    options = args.options
    # all are read before the first one is aligned: what cannot be read is known at once
    reference, others = io.load_image(args.reference), [io.load_image(path) for path in args.others]
    mask = masks.find_mask(options.mask_source, reference, args.reference, args.brain)
    template = io.load_image(args.template)
    affine = align.align_affine(np.asarray(template.dataobj), template.affine, reference, mask, args.reference)
    matrices = {bids.linear("template", options.reference): affine}
    for modality, image, path in zip(options.others, others, args.others, strict=True):
        rigid = align.align_rigid(reference, image, path)
        if options.check_same_head:
            align.require_same_head(reference, mask, image, rigid, path)
        matrices[bids.linear(options.reference, modality)] = rigid
    with io.atomic(args.output) as folder:
        named = bids.inside(folder, args.subject, bids.native_mask(options.reference))
        io.save(named, mask, reference.affine, np.uint8)
        for name, transform in matrices.items():
            np.savetxt(bids.inside(folder, args.subject, name), itk.affine_matrix(transform), fmt="%.10f")


if __name__ == "__main__":
    cli.run(main)
