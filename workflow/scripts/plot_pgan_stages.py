"""Draw the progressive GAN's image at the end of each stage, next to its label map and the real subject (Fig. 21)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganreg import cli
from ganreg.report import slices, style
from ganreg.report.settings import Plot
from ganreg.settings import Block
from ganreg.volumes import bids


class Options(Block):
    """How it is drawn."""

    plot: Plot


def main(argv: Sequence[str] | None = None) -> None:
    args = cli.add_paths(cli.parser(__doc__, Options), "previews", "subjects", "output").parse_args(argv)
    settings = args.options.plot
    with np.load(args.previews) as content:
        labels, subject, modalities = content["labels"], str(content["subject"]), content["modalities"].tolist()
        stages = [content[f"stage{number}"] for number in range(1, len(content.files) - 2)]
    real = [slices.volume(args.subjects, subject, bids.preprocessed(modality)) for modality in modalities]
    box = slices.brain_box(labels)
    lines = [
        {"subject": subject, "stage": number, "grid": "x".join(map(str, stage.shape[1:]))}
        for number, stage in enumerate(stages, start=1)
    ]
    size = {"nrows": len(modalities), "ncols": len(stages) + 2}
    size["figsize"] = (1.9 * size["ncols"], 2.5 * size["nrows"])
    with style.figure(settings, args.output, pd.DataFrame(lines), **size) as (_, axes):
        for row, modality in enumerate(modalities):
            for axis, stage, line in zip(axes[row], stages, lines, strict=False):
                # voxels of the full grid, so that all stages show one slice
                factors = [whole // own for whole, own in zip(labels.shape, stage.shape[1:], strict=True)]
                full = np.kron(stage[row], np.ones(factors))
                slices.show(axis, full[box], settings.slice, f"{modality}, {line['grid']}")
            slices.show_labels(axes[row][-2], labels[box], settings.slice, "label map")
            title = f"real: {bids.participant(subject)}"
            slices.show(axes[row][-1], real[row][box], settings.slice, title)


if __name__ == "__main__":
    cli.run(main)
