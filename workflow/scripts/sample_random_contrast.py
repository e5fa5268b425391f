"""Write one fold's images of random contrast, made from the deformed labels of the training subjects."""

from collections.abc import Sequence

from ganreg import cli, io
from ganreg.spatial.settings import SampleDeformation
from ganreg.split import folds
from ganreg.synthesize import sampling
from ganreg.synthesize.pgan_data import Conditioned, inherited
from ganreg.synthesize.samples import write_fold
from ganreg.synthesize.settings import RandomContrast, SampleSet
from ganreg.volumes.velocities import read_displacements


class Options(SampleSet):
    settings: RandomContrast
    deformation: SampleDeformation


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.add_paths(
        cli.parser(__doc__, Options),
        "folds",
        "subjects",
        "output",
        "manifest",
        any_number=("maps", "built_on", "velocities"),
    )
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    options = args.options
    fold = folds.select(io.read_json(args.folds), args.fold)
    data, names = Conditioned(args.subjects, args.maps, options.modalities), fold["train"][: options.samples]
    displacements, velocities = read_displacements(options.deformation, args.velocities, fold["train"])
    draw, used = sampling.contrasts(data, names, displacements, options.settings)
    write_fold(
        "random_contrast",
        fold,
        options,
        draw,
        {**inherited(args.built_on), **used, **velocities},
        args.output,
        args.manifest,
        args.code,
    )


if __name__ == "__main__":
    cli.run(main)
