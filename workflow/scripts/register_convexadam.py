"""Register a batch of pairs with ConvexAdam."""

from ganreg import cli
from ganreg.register import batch, convexadam


def main(argv=None):
    def registrar(args):
        return lambda fixed, moving, output: convexadam.register(fixed, moving, output, args.options["settings"])

    batch.run(cli.parser(__doc__), argv, registrar)


if __name__ == "__main__":
    cli.run(main)
