"""Draw the progressive GAN's image at the end of each stage, next to its label map and the real subject (Fig. 7)."""

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.report import slices, style


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "previews", "subjects", "output").parse_args(argv)
    options = args.options["plot"]
    with np.load(args.previews) as content:
        labels, subject, modalities = content["labels"], str(content["subject"]), content["modalities"].tolist()
        stages = [content[f"stage{number}"] for number in range(1, len(content.files) - 2)]
    stem = args.subjects / f"sub-{subject}" / "anat" / f"sub-{subject}"
    real = [np.asarray(io.load(f"{stem}_desc-preproc_{modality}.nii.gz").dataobj) for modality in modalities]

    box = slices.brain_box(labels)
    grids = [stage.shape[1:] for stage in stages]
    lines = [
        {"subject": subject, "stage": number, "grid": "x".join(map(str, grid))} for number, grid in enumerate(grids, 1)
    ]
    size = {"nrows": len(modalities), "ncols": len(stages) + 2}
    size["figsize"] = (1.9 * size["ncols"], 2.5 * size["nrows"])
    with style.figure(options, args.output, pd.DataFrame(lines), **size) as (_, axes):
        for row, modality in enumerate(modalities):
            for column, (stage, line) in enumerate(zip(stages, lines, strict=True)):
                # voxels of the full grid, so that all stages show one slice
                full = np.kron(
                    stage[row], np.ones([n // m for n, m in zip(labels.shape, stage.shape[1:], strict=True)])
                )
                slices.show(axes[row][column], full[box], options["slice"], f"{modality}, {line['grid']}")
            slices.show_labels(axes[row][-2], labels[box], options["slice"], "label map")
            slices.show(axes[row][-1], real[row][box], options["slice"], f"real: sub-{subject}")


if __name__ == "__main__":
    cli.run(main)
