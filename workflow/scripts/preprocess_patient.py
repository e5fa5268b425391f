"""Bring one patient's modalities onto the working grid: rigid to T1w, Eq. 1, one resampling; structures stay native.

Beside each image lies a mask of the place that its scan covers, as far as the T1w scan covers it, too.
"""

from pathlib import Path

import nibabel as nib
import numpy as np

from ganreg import cli, io
from ganreg.preprocess import align, labels, normalize, resample
from ganreg.spatial import itk


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "template_mask", "mask", "affine", "labels", "label_table", "output", many=("images",)
    )
    parser.add_argument("--patient", required=True)
    args = parser.parse_args(argv)
    template, grid = io.load_labels(args.template_mask), args.options["grid"]
    shape = tuple(grid["shape"])
    affine = resample.grid_affine(np.asarray(template.dataobj) > 0, template.affine, shape, grid["spacing"])
    brain, dseg = io.load_labels(args.mask), io.load_labels(args.labels)
    io.require_same_grid(brain, args.mask, dseg, args.labels)
    inside, to_t1w = np.asarray(brain.dataobj), np.loadtxt(args.affine)
    mask = resample.resample_labels(inside, brain.affine, itk.to_transform(to_t1w), shape, affine)
    with io.atomic(args.output) as folder:
        stem = folder / "anat" / f"sub-{args.patient}_"
        structures = labels.to_structures(np.asarray(dseg.dataobj), labels.read_table(args.label_table), inside > 0)
        io.save(Path(f"{stem}space-T1w_dseg.nii.gz"), structures, brain.affine, np.uint8)
        np.savetxt(f"{stem}from-template_to-T1w_xfm.txt", to_t1w, fmt="%.10f")
        reference = io.load_image(args.images[0])
        for modality, path in zip(args.options["modalities"], args.images, strict=True):
            image, rigid, own = io.load_image(path), np.eye(4), inside > 0
            if modality != "T1w":
                rigid = itk.affine_matrix(align.align_rigid(reference, image, path))
                np.savetxt(f"{stem}from-T1w_to-{modality}_xfm.txt", rigid, fmt="%.10f")
                own = resample.resample_mask(brain, itk.to_transform(np.linalg.inv(rigid)), image)
            normalized = nib.Nifti1Image(normalize.zscore(np.asarray(image.dataobj), own, path), image.affine)
            to_image = itk.to_transform(rigid @ to_t1w)
            data = resample.resample_image(normalized, to_image, shape, affine)
            whole = np.ones(image.shape, np.uint8)
            fov = resample.resample_labels(whole, image.affine, to_image, shape, affine)
            if modality == "T1w":
                t1w_fov = fov
            io.save(Path(f"{stem}mod-{modality}_desc-fov_mask.nii.gz"), fov * t1w_fov, affine, np.uint8)
            io.save(Path(f"{stem}desc-preproc_{modality}.nii.gz"), np.where(mask, data, 0), affine)


if __name__ == "__main__":
    cli.run(main)
