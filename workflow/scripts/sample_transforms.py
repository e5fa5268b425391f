"""Sample the transforms of a fold's test pairs by Monte-Carlo dropout: uncertainty maps, and the backward transform."""

from ganreg import cli, io
from ganreg.register import uncertainty
from ganreg.register.settings import Dropout, Unet, Unrolled
from ganreg.resume import resume_key
from ganreg.settings import Block, Label
from ganreg.split import folds


class Options(Block):
    """The network, how it is sampled, and what the images are."""

    settings: Unet | Unrolled
    dropout: Dropout
    fixed: Label
    moving: Label


def main(argv: list[str] | None = None) -> None:
    parser = cli.add_paths(cli.parser(__doc__, Options), "folds", "subjects", "weights", "output")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    options = args.options
    cli.set_threads(options.settings.threads)
    uncertainty.sample_transforms(
        folds.select(io.read_json(args.folds), args.fold)["pairs"],
        args.weights,
        options.settings,
        options.dropout,
        (options.fixed, options.moving),
        args.subjects,
        args.output,
        resume_key(options, args.code),
    )


if __name__ == "__main__":
    cli.run(main)
