"""Write one fold's samples of the progressive GAN."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io
from ganreg.spatial.settings import SeededDeformation
from ganreg.split import folds
from ganreg.synthesize import sampling
from ganreg.synthesize.pgan_data import Conditioned, inherited
from ganreg.synthesize.samples import write_fold
from ganreg.synthesize.settings import PganTraining, SampleSet


class Options(SampleSet):
    settings: PganTraining
    deformation: SeededDeformation


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "structures", "subjects", "maps", "weights", "output", "manifest",
        many=("built_on",),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    data = Conditioned(args.subjects, args.maps, options.modalities)
    names, largest = fold["train"][: options.samples], int(pd.read_csv(args.structures, sep="\t")["index"].max())
    draw, used = sampling.pgan(args.weights, options.settings, data, names, largest, options.deformation)
    opened = {**inherited(args.built_on), **used}
    write_fold("pgan", fold, options, draw, opened, args.output, args.manifest, args.code)


if __name__ == "__main__":
    cli.run(main)
