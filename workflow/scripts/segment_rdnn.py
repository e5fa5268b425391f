"""Segment a fold's subjects, each with a network that was not trained on it."""

from ganreg import cli
from ganreg.segment import learned


def main(argv=None):
    learned.run_segmentation(cli.parser(__doc__), argv)


if __name__ == "__main__":
    cli.run(main)
