"""Divide the patients into folds and list what is registered in each."""

from ganreg import cli, io
from ganreg.split import folds


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "output").parse_args(argv)
    options = args.options
    io.write_json(args.output, folds.patient_folds(options["modalities"], options["folds"], options["seed"]))


if __name__ == "__main__":
    cli.run(main)
