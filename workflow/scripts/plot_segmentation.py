"""Draw one test subject: images, reference labels, the network's map, and where they differ (Fig. 5)."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap

from ganreg import cli, io
from ganreg.preprocess.labels import REST
from ganreg.report import slices, style


def label_colors(options, structures):
    """Colour map of the label numbers: mirrored structures share a colour, the rest of the brain is grey."""
    sides = structures[["index", "mirror"]].replace({"mirror": {0: np.nan}}).min(axis=1).astype(int)
    order = {first: place for place, first in enumerate(dict.fromkeys(sides))}
    palette = style.colors(options, len(order))
    named = [
        "#DDDDDD" if name == REST else palette[order[side]]
        for name, side in zip(structures["name"], sides, strict=True)
    ]
    return ListedColormap(["#FFFFFF", *named])


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "structures", "subjects", "maps", "measured", "output")
    args = parser.parse_args(argv)
    options, height = args.options["plot"], args.options["plot"]["slice"]
    subject = io.read_json(args.folds)["folds"][0]["test"][0]
    structures = pd.read_csv(args.structures, sep="\t")

    def volume(folder, name):
        image = io.load(folder / f"sub-{subject}" / "anat" / f"sub-{subject}_{name}.nii.gz")
        return np.asarray(image.dataobj)

    images = {name: volume(args.subjects, f"desc-preproc_{name}") for name in args.options["modalities"]}
    reference, found = volume(args.subjects, "dseg"), volume(args.maps, "desc-rdnn_dseg")
    measured = pd.read_csv(args.measured, dtype={"subject": str})
    own = (measured["fold"] == 1) & (measured["subject"] == subject) & (measured["model"] == "rdnn")
    data = measured[own]
    box = slices.brain_box(reference)
    images = {name: image[box] for name, image in images.items()}
    reference, found = reference[box], found[box]
    colors = label_colors(options, structures)
    columns = len(images) + 3
    with style.figure(options, args.output, data, ncols=columns, figsize=(2.2 * columns, 2.9)) as (_, axes):
        axes = axes[0]
        for axis, (name, image) in zip(axes, images.items(), strict=False):
            slices.show(axis, image, height, f"sub-{subject} {name}")
        titles = {"reference": reference, f"RDNN\nDice {data['dice'].mean():.3f}": found}
        for axis, (title, labels) in zip(axes[len(images) :], titles.items(), strict=False):
            picture = slices.axial(labels, height)
            axis.imshow(picture, cmap=colors, vmin=0, vmax=len(structures), interpolation="nearest")
            axis.set_title(title)
            axis.set_axis_off()
        slices.show(axes[-1], next(iter(images.values())), height, "difference")
        wrong = slices.axial(np.where(reference != found, 1.0, np.nan), height)
        axes[-1].imshow(wrong, cmap=ListedColormap([style.colors(options, 2)[1]]), interpolation="nearest", alpha=0.8)


if __name__ == "__main__":
    cli.run(main)
