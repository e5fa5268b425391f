"""Sample the transforms of a fold's test pairs by Monte-Carlo dropout: uncertainty maps, and the way back."""

from ganreg import cli, io
from ganreg.register import uncertainty
from ganreg.split import folds


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "folds", "subjects", "weights", "output")
    parser.add_argument("--fold", required=True)
    args = parser.parse_args(argv)
    cli.set_threads(args.options["settings"]["threads"])
    pairs = folds.select(io.read_json(args.folds), args.fold)["pairs"]
    uncertainty.sample_transforms(pairs, args.weights, args.options, args.subjects, args.output, args.code)


if __name__ == "__main__":
    cli.run(main)
