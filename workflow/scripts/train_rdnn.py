"""Train a segmentation network on one part of a fold's training subjects."""

from ganreg import cli
from ganreg.segment import learned


def main(argv=None):
    learned.run_training(cli.parser(__doc__), argv)


if __name__ == "__main__":
    cli.run(main)
