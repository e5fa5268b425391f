"""Measure how well each preprocessed subject's brain overlaps the template's, and flag those that stand out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import SimpleITK as sitk

from ganreg import cli, io
from ganreg.evaluate import alignment
from ganreg.preprocess import resample
from ganreg.settings import Block
from ganreg.volumes import bids, overlap


class Options(Block):
    """Whom to measure."""

    dataset: str
    subjects: list[str]


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "template_mask", "subjects", "output").parse_args(argv)
    template, expected = io.load_labels(args.template_mask), None
    rows = []
    for subject in args.options.subjects:
        image = io.load_labels(bids.path(args.subjects, subject, bids.MASK))
        if expected is None:
            expected = resample.resample_mask(template, sitk.Transform(3, sitk.sitkIdentity), image)
        (dice,) = overlap.dice(np.asarray(image.dataobj).astype(bool), expected, 1)
        rows.append({"subject": subject, "template_overlap": dice})
    table = pd.DataFrame(rows)
    table.insert(0, "dataset", args.options.dataset)
    table["outlier"], table["limit"] = alignment.outliers(table["template_overlap"].to_numpy())
    io.write_table(args.output, table)


if __name__ == "__main__":
    cli.run(main)
