"""List the files of preprocessed subjects, each with its SHA-256: what follows is made anew where one is another."""

from ganreg import cli, io
from ganreg.preprocess import listing


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "output", many=("folders",)).parse_args(argv)
    io.write_table(args.output, listing.list_files(args.folders, args.output.parent), separator="\t")


if __name__ == "__main__":
    cli.run(main)
