"""Draw the subjects as they come (raw) and their labels: the data set at a glance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block

SHOWN = 5


class Options(Block):
    """How it is drawn."""

    plot: Plot


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "output", many=("fixed", "moving", "labels"))
    args = parser.parse_args(argv)
    settings = args.options.plot
    rows = {"fixed": args.fixed[:SHOWN], "moving": args.moving[:SHOWN], "labels": args.labels[:SHOWN]}
    if rows["moving"] == rows["fixed"]:
        del rows["moving"]
    columns = len(rows["fixed"])
    described = [
        {"file": path.name, "shape": "x".join(map(str, io.load(path).shape)), "role": role}
        for role, paths in rows.items()
        for path in paths
    ]
    size = {"nrows": len(rows), "ncols": columns, "figsize": (1.7 * columns, 2 * len(rows))}
    with style.figure(settings, args.output, pd.DataFrame(described), **size) as (_, axes):
        for column in range(columns):
            for row, (role, paths) in enumerate(rows.items()):
                data = slices.voxels(io.load(paths[column]))
                axis = axes[row][column]
                if role == "labels":
                    picture = np.ma.masked_equal(slices.axial(data, settings.slice), 0)
                    axis.imshow(picture % 20, cmap="tab20", interpolation="nearest")
                    axis.set_axis_off()
                else:
                    slices.show(axis, data, settings.slice)
                if row == 0:
                    axis.set_title(paths[column].name.split("_")[0])


if __name__ == "__main__":
    cli.run(main)
