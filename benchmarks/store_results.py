"""Keep the tables of a run, and write the documentation's page of results from them.

    .venv/bin/python benchmarks/store_results.py results

Tables go to benchmarks/reference, with which `make reproduce` compares, and as Markdown to docs/results.md.
"""

import argparse
import datetime
import json
import shutil
from pathlib import Path

from ganreg import cli, io
from ganreg.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
# table -> heading and a sentence before it
SHOWN = {
    "table1": ("Methods", "Each method on all test subjects, and how far the reference method is ahead of it."),
    "table2": ("Folds", "Dice of each method in each fold."),
    "networks": ("Networks", "What a registration takes, and what training pairs gain beyond test pairs."),
    "passes": ("The unrolled network by its passes", "The same weights, evaluated fewer times."),
    "arms": ("Arms", "What each arm adds, paired by subject. A difference whose interval holds 0 is none."),
    "samples": ("Synthetic subjects", "How like real subjects they are, and how unlike each other."),
    "external": ("The second data set", "The networks applied as they are to subjects of another kind."),
    "uncertainty": ("Uncertainty", "Whether Monte-Carlo dropout tells where a registration is wrong."),
}
INTRODUCTION = """# Results of a run

Written by `benchmarks/store_results.py` from the tables of a run; nothing here is typed. The run: {command} of version
{version}, {date}, {machine}. Subjects are **simulated**: the numbers say how methods compare on them, not how they do
on patients. What the numbers mean is said in [README](../README.md); other measurements are in
[measurements.md](measurements.md).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results folder of a finished run")
    parser.add_argument("--command", default="`make run`", help="what was run, as the page says it")
    args = parser.parse_args()
    record = args.results / "provenance.json"
    if not record.is_file():
        raise InputError(f"{record}: expected the record of a finished run, found none")
    run = json.loads(record.read_text())
    reference = ROOT / "benchmarks" / "reference"
    reference.mkdir(exist_ok=True)
    date, hardware = datetime.date.fromtimestamp(record.stat().st_mtime), run["hardware"]
    machine = f"{hardware['cores']} cores ({hardware['processor']})"
    version = run["git"]["commit"][:7]
    parts = [INTRODUCTION.format(command=args.command, version=version, date=date, machine=machine)]
    for name, (heading, sentence) in SHOWN.items():
        table = args.results / "tables" / f"{name}.md"
        if table.is_file():
            shutil.copyfile(table.with_suffix(".csv"), reference / f"{name}.csv")
            parts.append(f"## {heading}\n\n{sentence}\n\n{table.read_text(encoding='utf-8')}")
    io.write_text(ROOT / "docs" / "results.md", "\n".join(parts))


if __name__ == "__main__":
    cli.run(main)
