"""Dice of the extracted brains of real subjects against their labels, in a BIDS folder such as IXI's at 2 mm.

.venv/bin/python benchmarks/brain_extraction.py --root PATH_TO_IXI
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from ganreg import cli, io
from ganreg.get.bids import find_subjects
from ganreg.get.settings import Bids
from ganreg.preprocess import extract
from ganreg.volumes import bids, overlap

IMAGE = Bids().image
LABELS = bids.stem("derivatives/dlmuse", "{subject}") + bids.RAW_DSEG
OUTPUT = Path(__file__).with_suffix(".csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--labels", default=LABELS, help="pattern of labels that cover the brain")
    args = parser.parse_args()
    rows = []
    for subject in find_subjects(args.root, IMAGE, "T1w"):
        path = args.root / IMAGE.format(subject=subject, modality="T1w")
        image, labels = io.load_image(path), io.load_labels(args.root / args.labels.format(subject=subject))
        mask, reference = extract.brain_mask(image, path), np.asarray(labels.dataobj) > 0
        litres = np.array([mask.sum(), reference.sum()]) * abs(np.linalg.det(image.affine[:3, :3])) / 1e6
        row = {"subject": subject, "dice": overlap.dice(mask, reference, 1)[0]}
        rows.append(row | dict(zip(["litres", "litres_of_labels"], litres, strict=True)))
    table = pd.DataFrame(rows)
    io.write_table(OUTPUT, table)
    worst = table.loc[table["dice"].idxmin()]
    print(
        f"{len(table)} subjects: mean Dice {table['dice'].mean():.4f}, worst {worst['dice']:.4f} ({worst['subject']})"
    )


if __name__ == "__main__":
    cli.run(main)
