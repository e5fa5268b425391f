"""Simulate one patient with the geometry of RIRE as raw BIDS, with labels, mask and rigid offsets as derivatives."""

import numpy as np

from ganreg import cli, io
from ganreg.get import bids, cohort, patients, template


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "template", "mask", "dseg", many=("images", "offsets"))
    parser.add_argument("--number", type=int, required=True)
    args = parser.parse_args(argv)
    files = {name: args.template / f"template_{name}.nii.gz" for name in ("T1w", "T2w", "mask", "dseg")}
    volumes, affine = cohort.coarsen(*template.load_template(files), args.options["cohort"]["spacing"])
    patient = patients.simulate_patient(volumes, affine, args.number, args.options)
    for modality, path in zip(bids.PATIENT_MODALITIES, args.images, strict=True):
        io.save(path, patient.images[modality], patient.affine, np.int16)
    for modality, path in zip(bids.PATIENT_MODALITIES[1:], args.offsets, strict=True):
        with io.atomic(path) as beside:
            np.savetxt(beside, patient.offsets[modality], fmt="%.10f")
    io.save(args.mask, patient.mask, patient.affine, np.uint8)
    io.save(args.dseg, patient.labels, patient.affine, np.int16)


if __name__ == "__main__":
    cli.run(main)
