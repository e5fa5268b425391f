"""Write one fold's images of random contrast, made from the deformed labels of the training subjects."""

from ganreg import cli
from ganreg.synthesize import sampling


def main(argv=None):
    sampling.run("random_contrast", cli.parser(__doc__), argv)


if __name__ == "__main__":
    cli.run(main)
