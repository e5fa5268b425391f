"""Draw one test subject: images, reference labels, the network's map, and where they differ (Fig. 5)."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap

from ganreg import cli, io
from ganreg.report import slices, style


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "subjects", "maps", "measured", "output")
    args = parser.parse_args(argv)
    options, height = args.options["plot"], args.options["plot"]["slice"]
    subject = io.read_json(args.folds)["folds"][0]["test"][0]

    def volume(folder, name, load):
        return np.asarray(load(folder / f"sub-{subject}" / "anat" / f"sub-{subject}_{name}.nii.gz").dataobj)

    modalities = args.options["modalities"]
    images = {name: volume(args.subjects, f"desc-preproc_{name}", io.load_image) for name in modalities}
    reference = volume(args.subjects, "dseg", io.load_labels)
    found = volume(args.maps, "desc-rdnn_dseg", io.load_labels)
    measured = pd.read_csv(args.measured, dtype={"subject": str})
    own = (measured["fold"] == 1) & (measured["subject"] == subject) & (measured["model"] == "rdnn")
    data = measured[own]
    box = slices.brain_box(reference)
    images = {name: image[box] for name, image in images.items()}
    reference, found = reference[box], found[box]
    columns = len(images) + 3
    with style.figure(options, args.output, data, ncols=columns, figsize=(2.2 * columns, 2.9)) as (_, axes):
        axes = axes[0]
        for axis, (name, image) in zip(axes, images.items(), strict=False):
            slices.show(axis, image, height, f"sub-{subject} {name}")
        slices.show_labels(axes[-3], reference, height, "reference")
        slices.show_labels(axes[-2], found, height, f"RDNN, Dice {data['dice'].mean():.3f}")
        slices.show(axes[-1], next(iter(images.values())), height, "difference")
        wrong = slices.axial(np.where(reference != found, 1.0, np.nan), height)
        axes[-1].imshow(wrong, cmap=ListedColormap([style.colors(options, 2)[1]]), interpolation="nearest", alpha=0.8)


if __name__ == "__main__":
    cli.run(main)
