"""Simulate one subject of the embedded cohort as raw BIDS, with its labels, mask and true fields as derivatives."""

import numpy as np

from ganreg import cli, io
from ganreg.get import template
from ganreg.simulate import cohort
from ganreg.simulate.settings import Anatomy
from ganreg.spatial import transform_file

# the atlas is the template itself
ATLAS_NUMBER = 0


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__, Anatomy), "template", "t1w", "t2w", "mask", "dseg", "to_template", "from_template"
    )
    parser.add_argument("--subject", required=True)
    args = parser.parse_args(argv)
    files = template.files_in(args.template, "T1w", "T2w", "mask", "dseg")
    volumes, affine = cohort.coarsen(*template.load_template(files), args.options.spacing)
    number = int(args.subject) if args.subject.isdigit() else ATLAS_NUMBER
    subject = cohort.simulate_subject(volumes, affine, number, args.options)
    for modality, path in (("T1w", args.t1w), ("T2w", args.t2w)):
        io.save(path, subject.images[modality], subject.image_affines[modality], np.int16)
    io.save(args.mask, subject.mask, subject.image_affines["T1w"], np.uint8)
    io.save(args.dseg, subject.labels, subject.image_affines["T1w"], np.int16)
    for path, field, grid in (
        (args.to_template, subject.to_template, subject.to_template_affine),
        (args.from_template, subject.from_template, subject.from_template_affine),
    ):
        lps = np.moveaxis(field, 0, 3) * transform_file.RAS_TO_LPS
        transform_file.write_transform_mm(path, lps, grid)


if __name__ == "__main__":
    cli.run(main)
