"""Print the headline table of a finished run, the best method, and where to look."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

SIGNIFICANT = 0.05


def best_method(table: pd.DataFrame, caption: str) -> str:
    """Which ranked method has the highest Dice, and by how much the reference method is below it.

    Parameters
    ----------
    table : pandas.DataFrame, Table 1
    caption : str, its caption, which names the methods that are not ranked
    """
    found = re.search(r"not ranked on them: ([\w, ]+)\.", caption)
    ranked = table[~table["method"].isin(found[1].split(", ") if found else [])]
    best = ranked.loc[ranked["dice_mean"].idxmax()]
    said = f"Highest Dice: {best['method']}, {best['dice_mean']:.3f}"
    if pd.isna(best["diff_reference"]):
        return f"{said}."
    reference = ranked.loc[ranked["diff_reference"].isna(), "method"].iloc[0]
    low, high = -best["ci_high"], -best["ci_low"]
    difference = f"{-best['diff_reference']:.3f} (95 % interval {low:.3f} to {high:.3f})"
    doubt = "" if best["p_holm"] < SIGNIFICANT else ", which may be chance"
    return f"{said}. {reference} is {difference} below it{doubt}."


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
    print(
        f"\n{caption}\n\n{best_method(table, caption)}\n\nTables: {results}/tables  Figures: {results}/figures", end=""
    )
    print(f"  Report: {results}/report.zip" if (results / "report.zip").is_file() else "")


if __name__ == "__main__":
    main()
