"""Write one fold's samples of the progressive GAN."""

from ganreg import cli
from ganreg.synthesize import sampling


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "maps", "structures", "weights", many=("built_on",))
    sampling.run("pgan", parser, argv)


if __name__ == "__main__":
    cli.run(main)
