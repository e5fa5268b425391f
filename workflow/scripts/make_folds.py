"""Divide the subjects into folds and list the pairs of each."""

from ganreg import cli, io
from ganreg.split import folds


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "output")
    args = parser.parse_args(argv)
    options = args.options
    io.write_json(args.output, folds.make_folds(options["subjects"], options["split"], options["task"]))


if __name__ == "__main__":
    cli.run(main)
