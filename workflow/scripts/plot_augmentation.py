"""Draw a preprocessed subject and its augmented copies, labels outlined (Fig. 4)."""

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.report import slices, style


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "image", "dseg", "augmented", "output")
    args = parser.parse_args(argv)
    options = args.options["plot"]
    modality = args.options["modality"]
    pictures = [("preprocessed", args.image, args.dseg)]
    for path in sorted(args.augmented.glob(f"*_{modality}.nii.gz")):
        stem = path.name.removesuffix(f"_{modality}.nii.gz")
        pictures.append((stem.removeprefix("desc-"), path, args.augmented / f"{stem}_dseg.nii.gz"))
    volumes = [(name, io.load(image), io.load_labels(dseg)) for name, image, dseg in pictures]
    data = pd.DataFrame(
        [
            {
                "copy": name,
                "mean": np.asarray(image.dataobj).mean(),
                "labelled_voxels": int((np.asarray(d.dataobj) > 0).sum()),
            }
            for name, image, d in volumes
        ]
    )
    size = {"nrows": 1, "ncols": len(volumes), "figsize": (1.9 * len(volumes), 2.6)}
    with style.figure(options, args.output, data, **size) as (_, axes):
        box = slices.brain_box(np.asarray(volumes[0][2].dataobj), margin=5)
        for axis, (name, image, dseg) in zip(axes[0], volumes, strict=True):
            slices.show(axis, np.asarray(image.dataobj)[box], options["slice"], name)
            slices.contours(axis, np.asarray(dseg.dataobj)[box], options["slice"], style.colors(options, 1)[0])


if __name__ == "__main__":
    cli.run(main)
