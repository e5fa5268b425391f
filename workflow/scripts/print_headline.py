"""Print the headline table of a finished run, and where to look."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    results = parser.parse_args(argv).results
    table = pd.read_csv(results / "tables" / "table1.csv")
    columns = ["method", "labels_in_training", "dice_mean", "dice_sd_subjects", "diff_reference", "ci_low", "ci_high"]
    columns += ["hd95_mm", "folded_percent", "paper_dice"]
    print(f"\n{table['dataset'].iloc[0]}, {table['task'].iloc[0]}, {table['n_subjects'].max()} test subjects\n")
    print(table[columns].to_string(index=False, float_format="{:.3f}".format, na_rep=""))
    caption = (results / "tables" / "table1.md").read_text().strip().splitlines()[-1]
    print(f"\n{caption}\n\nTables: {results}/tables  Figures: {results}/figures", end="")
    print(f"  Report: {results}/report.zip" if (results / "report.zip").is_file() else "")


if __name__ == "__main__":
    main()
