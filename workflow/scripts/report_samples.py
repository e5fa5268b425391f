"""The table of sample quality: means over folds, by kind and measure."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io, manifest
from ganreg.evaluate import markdown, sample_table
from ganreg.settings import Block

CAPTION = (
    "Means over folds; sd_folds: of the samples' values. kernel_distance: unbiased, to real subjects, beside that of "
    "other real subjects (the floor), noise and blurred images at the same number of subjects. ms_ssim: between pairs. "
    "fidelity_dice: an RDNN against the label map; real: on test subjects; noise: in their brains, what it knows "
    "without an image. This network, whose features serve the kernel distance, was trained on the fold's validation "
    "subjects: it has seen neither what samples are made from nor test subjects. nearest_*_ncc: largest correlation "
    "with a training or a test subject; real: of the one group with the other. vector_*: of several samples of one "
    "label map, which differ by their random vectors and noise alone; sd_voxels, of a voxel; sd_structures, of a "
    "structure's mean; real: between training subjects, voxels where they have the same structure. A generator that "
    "ignores its vector has 0 there and a vector_ms_ssim of 1."
)


class Options(Block):
    """As they stand in the table."""

    dataset: str


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "output", many=("measured",))
    args = parser.parse_args(argv)
    table = sample_table.summary(pd.concat([pd.read_csv(path) for path in args.measured]))
    table.insert(0, "dataset", args.options.dataset)
    io.write_table(args.output / "samples.csv", table)
    io.write_text(args.output / "samples.md", markdown.to_markdown(table, CAPTION))
    opened = {str(path): io.sha256(path) for path in args.measured}
    manifest.write(
        args.output / "samples.json", ["pandas", "numpy"], options=args.options, caption=CAPTION, opened=opened
    )


if __name__ == "__main__":
    cli.run(main)
