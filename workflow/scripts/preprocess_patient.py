"""Bring one patient's modalities onto the working grid: rigid to T1w, affine to the template, Eq. 1, one resampling."""

from pathlib import Path

import nibabel as nib
import numpy as np

from ganreg import cli, io
from ganreg.preprocess import align, labels, normalize, resample
from ganreg.spatial import itk


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "template", "mask", "labels", "label_table", "output", many=("images",))
    parser.add_argument("--patient", required=True)
    args = parser.parse_args(argv)
    template, template_mask = (io.load(args.template / f"template_{name}.nii.gz") for name in ("T1w", "mask"))
    grid = args.options["grid"]
    shape = tuple(grid["shape"])
    affine = resample.grid_affine(np.asarray(template_mask.dataobj) > 0, template_mask.affine, shape, grid["spacing"])
    brain, dseg = io.load_labels(args.mask), io.load_labels(args.labels)
    io.require_same_grid(brain, args.mask, dseg, args.labels)
    reference, inside = io.load_image(args.images[0]), np.asarray(brain.dataobj) > 0
    io.require_same_grid(reference, args.images[0], brain, args.mask)
    to_reference = itk.affine_matrix(
        align.align_affine(np.asarray(template.dataobj), template.affine, reference, inside, args.images[0])
    )
    mask = resample.resample_labels(
        inside.astype(np.int32), brain.affine, itk.to_transform(to_reference), shape, affine
    )
    with io.atomic(args.output) as folder:
        stem = folder / "anat" / f"sub-{args.patient}_"
        structures = labels.to_structures(np.asarray(dseg.dataobj), labels.read_table(args.label_table), inside)
        io.save(Path(f"{stem}space-T1w_dseg.nii.gz"), structures, brain.affine, np.uint8)
        np.savetxt(f"{stem}from-template_to-T1w_xfm.txt", to_reference, fmt="%.10f")
        for modality, path in zip(args.options["modalities"], args.images, strict=True):
            image, rigid, own = io.load_image(path), np.eye(4), inside
            if modality != "T1w":
                rigid = itk.affine_matrix(align.align_rigid(reference, image, path))
                np.savetxt(f"{stem}from-T1w_to-{modality}_xfm.txt", rigid, fmt="%.10f")
                own = resample.resample_mask(brain, itk.to_transform(np.linalg.inv(rigid)), image)
            normalized = nib.Nifti1Image(normalize.zscore(np.asarray(image.dataobj), own, path), image.affine)
            data = resample.resample_image(normalized, itk.to_transform(rigid @ to_reference), shape, affine)
            io.save(Path(f"{stem}desc-preproc_{modality}.nii.gz"), np.where(mask, data, 0), affine)


if __name__ == "__main__":
    cli.run(main)
