"""Train VoxelMorph on one fold."""

from ganreg import cli
from ganreg.register import learned


def main(argv=None):
    learned.run_training(cli.parser(__doc__), argv)


if __name__ == "__main__":
    cli.run(main)
