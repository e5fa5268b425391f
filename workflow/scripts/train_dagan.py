"""Train DAGAN on one fold's training subjects."""

from ganreg import cli
from ganreg.synthesize import dagan


def main(argv=None):
    dagan.run_training(cli.parser(__doc__), argv)


if __name__ == "__main__":
    cli.run(main)
