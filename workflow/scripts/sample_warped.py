"""Write one fold's real training subjects under the deformations that the progressive GAN is sampled with."""

from ganreg import cli
from ganreg.synthesize import sampling


def main(argv=None):
    sampling.run("warped", cli.parser(__doc__), argv)


if __name__ == "__main__":
    cli.run(main)
