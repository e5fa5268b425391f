"""Download IXI and write it as a raw BIDS folder."""

from ganreg import cli
from ganreg.get import download, ixi
from ganreg.get.settings import Ixi


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__, Ixi), "datasets", "downloads", "output").parse_args(argv)
    ixi.get(*download.read_addresses(args.datasets, args.downloads, "ixi"), args.output, args.options)


if __name__ == "__main__":
    cli.run(main)
