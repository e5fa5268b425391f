"""Draw a preprocessed subject and its augmented copies, labels outlined (Fig. 4)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids


class Options(Block):
    """How it is drawn, and what."""

    plot: Plot
    subject: str
    modality: str


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "subjects", "augmented", "output")
    args = parser.parse_args(argv)
    options, settings = args.options, args.options.plot
    names = bids.preprocessed(options.modality), bids.DSEG
    pictures = [("preprocessed", *(bids.path(args.subjects, options.subject, name) for name in names))]
    for path in sorted(args.augmented.glob(f"*_{options.modality}.nii.gz")):
        stem = path.name.removesuffix(f"_{options.modality}.nii.gz")
        pictures.append((stem.removeprefix("desc-"), path, args.augmented / f"{stem}_dseg.nii.gz"))
    volumes = [
        (name, slices.voxels(io.load(image)), slices.voxels(io.load_labels(dseg))) for name, image, dseg in pictures
    ]
    data = pd.DataFrame(
        {"copy": name, "mean": image.mean(), "labelled_voxels": int((labels > 0).sum())}
        for name, image, labels in volumes
    )
    size = {"nrows": 1, "ncols": len(volumes), "figsize": (1.9 * len(volumes), 2.6)}
    with style.figure(settings, args.output, data, **size) as (_, axes):
        # around all copies: scaling and rotation take some beyond the subject
        box = slices.brain_box(np.any([labels > 0 for *_, labels in volumes], axis=0))
        for axis, (name, image, labels) in zip(axes[0], volumes, strict=True):
            slices.show(axis, image[box], settings.slice, name)
            slices.contours(axis, labels[box], settings.slice, style.colors(settings, 1)[0])


if __name__ == "__main__":
    cli.run(main)
