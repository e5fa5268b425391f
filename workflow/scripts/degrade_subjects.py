"""Write degraded copies of all moving test subjects, the untouched beside them, and the folds that pair them."""

import shutil

import numpy as np

from ganreg import cli, io
from ganreg.preprocess import listing
from ganreg.settings import Block
from ganreg.simulate import degrade
from ganreg.simulate.settings import Degradation
from ganreg.volumes import bids


class Options(Block):
    """The levels, and the modalities of a pair."""

    degradation: Degradation
    fixed: str
    moving: str


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "output_folds", "output")
    args = parser.parse_args(argv)
    options, content = args.options, io.read_json(args.folds)
    folds = content["folds"][: options.degradation.folds]
    pairs = [pair for fold in folds for pair in fold["pairs"]]
    moving_name = bids.preprocessed(options.moving)
    with io.atomic(args.output.parent) as folder:
        for subject in sorted({pair[role] for pair in pairs for role in ("fixed", "moving")}):
            for name in {moving_name, bids.preprocessed(options.fixed), bids.EVALUATION_DSEG}:
                copy = bids.path(folder, subject, name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(bids.path(args.subjects, subject, name), copy)
        for subject in sorted({pair["moving"] for pair in pairs}):
            image = io.load_image(bids.path(args.subjects, subject, moving_name))
            labels = io.load_labels(bids.path(args.subjects, subject, bids.EVALUATION_DSEG))
            data, structures = np.asarray(image.dataobj), np.asarray(labels.dataobj).astype(np.uint8)
            for name, degraded, moved in degrade.degraded_copies(
                subject, data, image.affine, structures, labels.affine, options.degradation
            ):
                io.save(bids.path(folder, name, moving_name), degraded, image.affine)
                io.save(bids.path(folder, name, bids.EVALUATION_DSEG), moved, labels.affine, np.uint8)
        io.write_table(folder / args.output.name, listing.list_files([folder], folder), separator="\t")
        # a folder takes the place of an empty one or of none
        shutil.rmtree(args.output.parent, ignore_errors=True)
    io.write_json(args.output_folds, {**content, "folds": degrade.degraded_folds(folds, options.degradation)})


if __name__ == "__main__":
    cli.run(main)
