"""Write one fold's DAGAN samples: training subjects, augmented, under-sampled and restored."""

from collections.abc import Sequence

import pandas as pd

from ganreg import cli, io
from ganreg.spatial.settings import SampleDeformation
from ganreg.split import folds
from ganreg.synthesize.dagan_sampling import sampler
from ganreg.synthesize.pgan_data import Conditioned, inherited
from ganreg.synthesize.samples import write_fold
from ganreg.synthesize.settings import DaganSampling, SampleSet
from ganreg.volumes.labels import mirror_labels
from ganreg.volumes.velocities import read_displacements


class Options(SampleSet):
    settings: DaganSampling
    deformation: SampleDeformation


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.parser(__doc__, Options)
    cli.add_paths(
        parser, "folds", "structures", "subjects", "weights", "output", "manifest",
        many=("built_on",), any_number=("maps", "velocities"),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    fold = folds.select(io.read_json(args.folds), args.fold)
    data, names = Conditioned(args.subjects, args.maps, options.modalities), fold["train"][: options.samples]
    mirrored = mirror_labels(pd.read_csv(args.structures, sep="\t"))
    files = [] if options.settings.published_deformation else args.velocities
    displacements, velocities = read_displacements(options.deformation, files, fold["train"])
    draw, used = sampler(args.weights, options.settings, data, names, mirrored, displacements)
    opened = {**inherited(args.built_on), **used, **velocities}
    write_fold("dagan", fold, options, draw, opened, args.output, args.manifest, args.code)


if __name__ == "__main__":
    cli.run(main)
