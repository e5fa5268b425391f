"""Draw one patient's modalities before and after the rigid alignment, and the target errors of all (Fig. 17)."""

from pathlib import Path

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.report import slices, style

# within a patient these are other starts than between subjects
MEANING = {"headers": "As scanned", "initial": "Rigid"}
NAMES = {"T1w": "T1w", "T2w": "T2w", "ct": "CT", "pet": "PET"}


def draw_errors(drawn, axis, errors, options):
    """A point for each patient, modality and method, lines at the medians."""
    shown = [name for name in NAMES if name in set(errors["modality"])]
    methods = list(dict.fromkeys(errors["method"]))
    width = 0.8 / len(methods)
    for index, (method, color) in enumerate(zip(methods, style.colors(options, len(methods)), strict=True)):
        own = errors[errors["method"] == method]
        for place, modality in enumerate(shown):
            values = own.loc[own["modality"] == modality, "tre_median_mm"].to_numpy()
            at = place + (index - (len(methods) - 1) / 2) * width
            label = MEANING.get(method, style.name_of(method)) if place == 0 else None
            axis.plot(np.full(len(values), at), values, "o", ms=3.5, color=color, alpha=0.7, label=label)
            axis.plot([at - width / 3, at + width / 3], [np.median(values)] * 2, color=color)
    axis.set_xticks(range(len(shown)), [f"{NAMES[each]} to T1w" for each in shown])
    axis.set_yscale("log")
    axis.set_ylabel("target registration\nerror (mm)")
    axis.grid(axis="y", alpha=0.3)
    drawn.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=len(methods), frameon=False)


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "subjects", "output", many=("errors", "images"))
    args = parser.parse_args(argv)
    options = args.options["plot"]
    errors = pd.concat([pd.read_csv(path) for path in args.errors])
    ((patient, modalities),) = args.options["patients"]
    height = {"height_ratios": [1, 1, 1.4]}
    with style.figure(
        options, args.output, errors, nrows=3, ncols=len(modalities), figsize=(7.2, 6.4), gridspec_kw=height
    ) as (drawn, axes):
        anat = args.subjects / f"sub-{patient}" / "anat"
        for column, modality in enumerate(modalities):
            raw = np.asarray(io.load_image(args.images[column]).dataobj)
            # CT: the brain's window
            limits = (-20, 80) if modality == "ct" else tuple(np.percentile(raw, (1, 99.5)))
            slices.show(axes[0][column], raw, options["slice"], NAMES[modality], limits)
            name = f"sub-{patient}_desc-preproc_{modality}.nii.gz"
            image = np.asarray(io.load_image(Path(anat, name)).dataobj)
            slices.show(axes[1][column], image, options["slice"])
        for axis in axes[2]:
            axis.remove()
        # real patients may be without a truth
        if len(errors):
            draw_errors(drawn, drawn.add_subplot(axes[2][0].get_gridspec()[2, :]), errors, options)


if __name__ == "__main__":
    cli.run(main)
