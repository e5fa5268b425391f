"""Register a batch of pairs with SyN (antspyx)."""

from ganreg import cli, syn
from ganreg.register import batch


def main(argv=None):
    def registrar(args):
        return lambda fixed, moving, output: syn.register(fixed, moving, output, args.options["settings"])

    batch.run(cli.parser(__doc__), argv, registrar)


if __name__ == "__main__":
    cli.run(main)
