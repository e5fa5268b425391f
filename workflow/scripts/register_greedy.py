"""Register a batch of pairs with greedy (picsl-greedy)."""

from ganreg import cli
from ganreg.register import batch, greedy


def main(argv=None):
    def registrar(args):
        return lambda fixed, moving, output: greedy.register(fixed, moving, output, args.options["settings"])

    batch.run(cli.parser(__doc__), argv, registrar)


if __name__ == "__main__":
    cli.run(main)
