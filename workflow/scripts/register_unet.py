"""Register a fold's test pairs with the registration U-Net."""

from ganreg import cli
from ganreg.register import batch, learned


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "weights")
    batch.run(
        parser,
        argv,
        lambda args: learned.registrar(args.weights, args.options["settings"], args.options.get("refinement")),
    )


if __name__ == "__main__":
    cli.run(main)
