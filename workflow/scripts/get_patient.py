"""Simulate one patient with the geometry of RIRE as raw BIDS, with labels, mask and rigid offsets as derivatives."""

import numpy as np

from ganreg import cli, io
from ganreg.get import template
from ganreg.settings import Block
from ganreg.simulate import cohort, patients
from ganreg.simulate.settings import PATIENT_MODALITIES, Anatomy, Patients


class Options(Block):
    """What a patient is drawn from."""

    anatomy: Anatomy
    patients: Patients


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Options), "template", "mask", "dseg", many=("images", "offsets"))
    parser.add_argument("--number", type=int, required=True)
    args = parser.parse_args(argv)
    options = args.options
    files = template.files_in(args.template, "T1w", "T2w", "mask", "dseg")
    volumes, affine = cohort.coarsen(*template.load_template(files), options.anatomy.spacing)
    patient = patients.simulate_patient(volumes, affine, args.number, options.anatomy, options.patients)
    for modality, path in zip(PATIENT_MODALITIES, args.images, strict=True):
        io.save(path, patient.images[modality], patient.affine, np.int16)
    for modality, path in zip(PATIENT_MODALITIES[1:], args.offsets, strict=True):
        with io.atomic(path) as beside:
            np.savetxt(beside, patient.offsets[modality], fmt="%.10f")
    io.save(args.mask, patient.mask, patient.affine, np.uint8)
    io.save(args.dseg, patient.labels, patient.affine, np.int16)


if __name__ == "__main__":
    cli.run(main)
