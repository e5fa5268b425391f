"""Download IXI and write it as a raw BIDS folder."""

import pandas as pd

from ganreg import cli
from ganreg.get import ixi


def main(argv=None):
    parser = cli.add_paths(cli.parser(__doc__), "addresses", "output")
    args = parser.parse_args(argv)
    addresses = pd.read_csv(args.addresses, sep="\t")
    ixi.get(addresses[addresses["dataset"] == "ixi"], args.output, args.options)


if __name__ == "__main__":
    cli.run(main)
