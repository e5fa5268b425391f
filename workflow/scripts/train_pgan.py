"""Train the progressive GAN on one fold's training subjects."""

from ganreg import cli
from ganreg.synthesize import pgan


def main(argv=None):
    parser = cli.add_paths(
        cli.parser(__doc__), "folds", "structures", "subjects", "maps", "weights", "history", "previews", "manifest",
        many=("built_on",),
    )  # fmt: skip
    parser.add_argument("--fold", required=True)
    pgan.run_training(parser.parse_args(argv))


if __name__ == "__main__":
    cli.run(main)
