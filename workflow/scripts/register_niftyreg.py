"""Register a batch of pairs with NiftyReg's reg_f3d."""

from ganreg import cli
from ganreg.register import batch, niftyreg


def main(argv=None):
    def registrar(args):
        return lambda fixed, moving, output: niftyreg.register(fixed, moving, output, args.options["settings"])

    batch.run(cli.parser(__doc__), argv, registrar)


if __name__ == "__main__":
    cli.run(main)
