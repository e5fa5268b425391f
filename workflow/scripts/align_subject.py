"""Find a subject's brain mask, its rigid alignment between modalities and its affine to the template."""

import numpy as np

from ganreg import cli, io
from ganreg.errors import InputError
from ganreg.preprocess import align, labels
from ganreg.spatial import itk

# a head holds 0.6 to 2.2 litres of brain; outside of that the mask is of something else
BRAIN_LITRES = (0.6, 2.2)


def find_mask(args, reference):
    """Brain mask on the reference image's grid: from a mask, from labels that cover the brain, or where it is not 0."""
    source = args.options["mask_source"]
    if source == "image":
        image, path = reference, args.reference
        mask = np.asarray(reference.dataobj) > 0
    elif source == "labels":
        image, path = io.load_labels(args.brain), args.brain
        mask = labels.brain_mask(np.asarray(image.dataobj))
    else:
        image, path = io.load(args.brain), args.brain
        mask = np.asarray(image.dataobj) > 0.5
    io.require_same_grid(reference, args.reference, image, path)
    litres = mask.sum() * abs(np.linalg.det(image.affine[:3, :3])) / 1e6
    if not BRAIN_LITRES[0] <= litres <= BRAIN_LITRES[1]:
        low, high = BRAIN_LITRES
        raise InputError(f"{path}: expected a brain of {low} to {high} litres, found {litres:.2f}")
    return mask


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "reference", "template", "output_mask", "output_affine")
    parser.add_argument("--brain", help="brain mask, or labels that cover the brain; none for a stripped image")
    parser.add_argument("--others", nargs="*", default=[], help="the other modalities' images")
    parser.add_argument("--output-rigid", nargs="*", default=[], help="one for each of the others")
    args = parser.parse_args(argv)
    reference, others = io.load_image(args.reference), [io.load_image(other) for other in args.others]
    mask = find_mask(args, reference)
    template = io.load_image(args.template)
    affine = align.align_affine(np.asarray(template.dataobj), template.affine, reference, mask, args.reference)
    io.save(args.output_mask, mask, reference.affine, np.uint8)
    for image, other, output in zip(others, args.others, args.output_rigid, strict=True):
        rigid = align.align_rigid(reference, image, other)
        if args.options["strangers"]:
            align.require_same_head(reference, mask, image, rigid, other)
        with io.atomic(output) as beside:
            np.savetxt(beside, itk.affine_matrix(rigid), fmt="%.10f")
    with io.atomic(args.output_affine) as beside:
        np.savetxt(beside, itk.affine_matrix(affine), fmt="%.10f")


if __name__ == "__main__":
    cli.run(main)
