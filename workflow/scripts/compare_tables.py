"""Compare Table 1 and Table 2 of a run with stored ones, or store them."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ganreg import cli
from ganreg.errors import InputError
from ganreg.report import reproduction

TABLES = ("table1", "table2")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True, help="folder of the stored tables")
    parser.add_argument("--store", action="store_true", help="store the run's tables instead")
    args = parser.parse_args(argv)
    paths = {name: (args.results / "tables" / f"{name}.csv", args.reference / f"{name}.csv") for name in TABLES}
    if args.store:
        args.reference.mkdir(parents=True, exist_ok=True)
        for found, stored in paths.values():
            shutil.copyfile(found, stored)
        return
    for pair in paths.values():
        for path in pair:
            if not path.is_file():
                raise InputError(f"{path}: expected a table to compare, found none")
    identical, lines = True, []
    for name, (found, stored) in paths.items():
        identical &= found.read_bytes() == stored.read_bytes()
        tables = (pd.read_csv(path, dtype={"folds_hash": str}) for path in (found, stored))
        lines += [f"{name}: {line}" for line in reproduction.differences(*tables)]
    for line in lines:
        print(line)
    if lines:
        sys.exit(f"{args.results}: {len(lines)} values differ from {args.reference}")
    print(f"{args.results}: {'the same, byte for byte' if identical else 'within the tolerance'}: {args.reference}")


if __name__ == "__main__":
    cli.run(main)
