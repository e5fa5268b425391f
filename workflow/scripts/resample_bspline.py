"""Bring a subject onto the working grid in one B-spline resampling, labels alongside and on the evaluation grid too."""

import shutil

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import resample, subject
from ganreg.preprocess.settings import Grids
from ganreg.settings import Block
from ganreg.volumes import bids


class Options(Block):
    """The subject's modalities, and the grids; partial: scans show a part of the head."""

    reference: str
    modalities: list[str]
    grids: Grids
    partial: bool


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "template_mask", "label_table", "aligned", "normalized", "labels", "output"
    )
    parser.add_argument("--subject", required=True)
    args = parser.parse_args(argv)
    options, template = args.options, io.load_labels(args.template_mask)
    brain, targets = np.asarray(template.dataobj) > 0, []
    for grid in (options.grids.work, options.grids.evaluation):
        affine = resample.grid_affine(brain, template.affine, grid.shape, grid.spacing)
        targets.append(subject.Target(tuple(grid.shape), affine))

    names = subject.alignment_names(options.reference, options.modalities)
    files = {key: bids.inside(args.aligned, args.subject, name) for key, name in names.items()}
    images = {each: bids.inside(args.normalized, args.subject, bids.normalized(each)) for each in options.modalities}
    aligned = subject.read_aligned(files, images, options.reference, args.labels, args.label_table)
    with io.atomic(args.output) as folder:
        for name, volume in subject.resample_subject(aligned, *targets, options.partial):
            io.save(bids.inside(folder, args.subject, name), volume.data, volume.affine, volume.dtype)
        for key, name in names.items():
            shutil.copyfile(files[key], bids.inside(folder, args.subject, name))


if __name__ == "__main__":
    cli.run(main)
