"""List files, each with its SHA-256: what follows is made anew where one of them is another."""

import pandas as pd

from ganreg import cli, io


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__), "output", many=("files",)).parse_args(argv)
    lines = [(path.relative_to(args.output.parent), io.sha256(path)) for path in args.files]
    io.write_table(args.output, pd.DataFrame(lines, columns=["file", "sha256"]), separator="\t")


if __name__ == "__main__":
    cli.run(main)
