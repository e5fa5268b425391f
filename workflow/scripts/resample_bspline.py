"""Bring a subject onto the working grid in one B-spline resampling, labels alongside and on the evaluation grid too."""

from pathlib import Path

import nibabel as nib
import numpy as np

from ganreg import cli, io
from ganreg.errors import InputError
from ganreg.preprocess import labels, resample
from ganreg.spatial import itk


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "template_mask", "affine", "mask", "labels", "label_table",
        "output_mask", "output_dseg", "output_evaluation_dseg", many=("images", "outputs"),
    )  # fmt: skip
    parser.add_argument(
        "--rigid", nargs="*", type=Path, default=[], help="reference-to-image matrices of all but the first"
    )
    args = parser.parse_args(argv)
    template = io.load_labels(args.template_mask)
    template_mask = np.asarray(template.dataobj) > 0
    grids = {}
    for name, grid in args.options.items():
        shape = tuple(grid["shape"])
        grids[name] = shape, resample.grid_affine(template_mask, template.affine, shape, grid["spacing"])
    to_reference = np.loadtxt(args.affine)
    transform = itk.to_transform(to_reference)

    brain, dseg = io.load_labels(args.mask), io.load_labels(args.labels)
    io.require_same_grid(brain, args.mask, dseg, args.labels)
    inside = np.asarray(brain.dataobj) > 0
    table = labels.read_table(args.label_table)
    native = labels.to_structures(np.asarray(dseg.dataobj), table, inside)
    if len(np.unique(native)) < 3:
        raise InputError(f"{args.labels}: expected labels of {args.label_table}, found none of them inside the brain")
    for name, output in (("work", args.output_dseg), ("evaluation", args.output_evaluation_dseg)):
        shape, affine = grids[name]
        resampled = resample.resample_labels(native, brain.affine, transform, shape, affine)
        io.save(output, resampled, affine, np.uint8)
        if name == "work":
            mask = resampled > 0
            io.save(args.output_mask, mask, affine, np.uint8)

    shape, affine = grids["work"]
    for index, (path, output) in enumerate(zip(args.images, args.outputs, strict=True)):
        image = io.load_image(path)
        matrix = to_reference if index == 0 else np.loadtxt(args.rigid[index - 1]) @ to_reference
        data = resample.resample_image(
            nib.Nifti1Image(image.dataobj, image.affine), itk.to_transform(matrix), shape, affine
        )
        io.save(output, np.where(mask, data, 0), affine)


if __name__ == "__main__":
    cli.run(main)
