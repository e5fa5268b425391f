"""Write one fold's samples of the progressive GAN, and several samples of single maps."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io
from ganreg.resume import resume_key
from ganreg.spatial.settings import SampleDeformation
from ganreg.split import folds
from ganreg.synthesize import sampling
from ganreg.synthesize.pgan_data import Conditioned, inherited
from ganreg.synthesize.samples import vector_names, write_fold, write_set
from ganreg.synthesize.settings import PganTraining, SampleSet
from ganreg.volumes.velocities import read_displacements


class Options(SampleSet):
    settings: PganTraining
    deformation: SampleDeformation


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options), "folds", "structures", "subjects", "weights", "output", "vectors", "manifest",
        many=("built_on",), any_number=("maps", "velocities"),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    data = Conditioned(args.subjects, args.maps, options.modalities)
    names, largest = fold["train"][: options.samples], int(pd.read_csv(args.structures, sep="\t")["index"].max())
    displacements, velocities = read_displacements(options.deformation, args.velocities, fold["train"])
    draw, draw_again, used = sampling.pgan(args.weights, options.settings, data, names, largest, displacements)
    opened = {**inherited(args.built_on), **used, **velocities}
    key = resume_key(options, args.code, opened)
    write_set(args.vectors, f"vectors fold {args.fold}", vector_names(names), draw_again, key)
    write_fold("pgan", fold, options, draw, opened, args.output, args.manifest, args.code)


if __name__ == "__main__":
    cli.run(main)
