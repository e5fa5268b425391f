"""Write the configuration's files, the JSON schema and README's list of methods anew; changed values are lost."""

import argparse
from pathlib import Path

from ganreg import cli, io
from ganreg.configuration import writing

PROJECT = Path(__file__).resolve().parents[2]


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    for name, text in writing.texts((PROJECT / "README.md").read_text()).items():
        io.write_text(PROJECT / name, text)


if __name__ == "__main__":
    cli.run(main)
