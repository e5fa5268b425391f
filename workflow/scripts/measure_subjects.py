"""Measure how well each preprocessed subject's brain overlaps the template's, and flag those that stand out."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from ganreg import cli, io
from ganreg.preprocess import overlap, resample


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "template_mask", "output", many=("masks",)).parse_args(argv)
    template, expected = io.load_labels(args.template_mask), None
    rows = []
    for path in args.masks:
        image = io.load_labels(path)
        if expected is None:
            expected = resample.resample_mask(template, sitk.Transform(3, sitk.sitkIdentity), image)
        subject = path.name.split("_")[0].removeprefix("sub-")
        rows.append({"subject": subject, "template_overlap": overlap.dice(np.asarray(image.dataobj) > 0, expected)})
    table = pd.DataFrame(rows)
    table.insert(0, "dataset", args.options["dataset"])
    table["outlier"], table["limit"] = overlap.outliers(table["template_overlap"].to_numpy())
    io.write_table(args.output, table)


if __name__ == "__main__":
    cli.run(main)
