"""Draw samples of the progressive GAN, their label maps and the real training subject nearest to each (Fig. 8)."""

import pandas as pd

from ganreg import cli, io
from ganreg.evaluate import quality
from ganreg.preprocess.subjects import Subjects
from ganreg.report import slices, style
from ganreg.split import folds

SHOWN = 4


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "subjects", "samples", "output")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    options, modalities = args.options["plot"], args.options["modalities"]
    fold = folds.select(io.read_json(args.folds), args.fold)
    names = sorted(path.name.removeprefix("sub-") for path in args.samples.glob("sub-*"))[:SHOWN]
    synthetic, real = Subjects(args.samples, modalities), Subjects(args.subjects, modalities)
    samples, training = quality.Cohort(synthetic, names), quality.Cohort(real, fold["train"])
    likeness = quality.correlations(samples, training)
    nearest = [fold["train"][place] for place in likeness.argmax(axis=0)]
    lines = pd.DataFrame({"sample": names, "nearest": nearest, "normalised_correlation": likeness.max(axis=0)})
    size = {"nrows": 2 * len(modalities) + 1, "ncols": len(names)}
    size["figsize"] = (1.9 * size["ncols"], 2.4 * size["nrows"])
    with style.figure(options, args.output, lines, **size) as (_, axes):
        for column, line in lines.iterrows():
            sample, nearest = samples[column], training[fold["train"].index(line["nearest"])]
            box = slices.brain_box((sample["labels"] > 0) | (nearest["labels"] > 0))
            slices.show_labels(
                axes[0][column], sample["labels"][box], options["slice"], f"sub-{line['sample']}\nlabel map"
            )
            for row, modality in enumerate(modalities, start=1):
                slices.show(axes[row][column], sample["images"][row - 1][box], options["slice"], modality)
                place = axes[row + len(modalities)][column]
                title = f"nearest: sub-{line['nearest']}, {line['normalised_correlation']:.2f}\n{modality}"
                slices.show(place, nearest["images"][row - 1][box], options["slice"], title)


if __name__ == "__main__":
    cli.run(main)
