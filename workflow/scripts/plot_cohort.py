"""Draw the subjects as they come (raw) and their labels: the data set at a glance."""

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.report import slices, style

SHOWN = 5


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "output", many=("fixed", "moving", "labels"))
    args = parser.parse_args(argv)
    rows = {"fixed": args.fixed[:SHOWN], "moving": args.moving[:SHOWN], "labels": args.labels[:SHOWN]}
    if rows["moving"] == rows["fixed"]:
        del rows["moving"]
    columns = len(rows["fixed"])
    described = [
        {"file": path.name, "shape": "x".join(map(str, image.shape)), "role": role}
        for role, paths in rows.items()
        for path, image in ((path, io.load(path)) for path in paths)
    ]
    size = {"nrows": len(rows), "ncols": columns, "figsize": (1.7 * columns, 2 * len(rows))}
    options = args.options["plot"]
    with style.figure(options, args.output, pd.DataFrame(described), **size) as (_, axes):
        for column in range(columns):
            for row, (role, paths) in enumerate(rows.items()):
                data = np.asarray(io.load(paths[column]).dataobj)
                axis = axes[row][column]
                if role == "labels":
                    picture = np.ma.masked_equal(slices.axial(data, options["slice"]), 0)
                    axis.imshow(picture % 20, cmap="tab20", interpolation="nearest")
                    axis.set_axis_off()
                else:
                    slices.show(axis, data, options["slice"])
                if row == 0:
                    axis.set_title(paths[column].name.split("_")[0])


if __name__ == "__main__":
    cli.run(main)
