"""Download RIRE and write it as a raw BIDS folder."""

from ganreg import cli
from ganreg.get import download, rire
from ganreg.get.settings import Rire


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__, Rire), "datasets", "downloads", "output").parse_args(argv)
    rire.get(*download.read_addresses(args.datasets, args.downloads, "rire"), args.output, args.options)


if __name__ == "__main__":
    cli.run(main)
