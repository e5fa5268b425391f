"""Does it help to sharpen images before they are compared? Dice on validation pairs, with and without.

    .venv/bin/python benchmarks/sharpening.py results/bench --name simulated

The unrolled network is trained on the training subjects of the first fold of a run, once on images as they are and
once on sharpened ones (`filters.sharpened`), with all other settings of presets/bench.yaml; either registers the
validation pairs as it is and refined, refinement with and without sharpening. The classical methods register images
that were sharpened before. Lines are added to the table as they come; a run of other data adds to those that are there.
Test pairs are not touched.
"""

import argparse
import datetime
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import tune_baselines

from ganreg import cli, io
from ganreg.configuration import load_project
from ganreg.register import learned
from ganreg.register.filters import sharpened
from ganreg.register.recipe import Recipe
from ganreg.settings import Block
from ganreg.volumes import labels

ROOT = Path(__file__).resolve().parents[1]
AMOUNT = 3.0


def register_sharpened(
    register: Callable[..., Any], settings: Block, amount: float, fixed: Path, moving: Path, output: Path
) -> None:
    """Register sharpened copies of two images with a classical method."""
    with io.scratch() as folder:
        copies = []
        for path, name in ((fixed, "fixed.nii.gz"), (moving, "moving.nii.gz")):
            image = io.load_image(path)
            data = torch.from_numpy(np.asarray(image.dataobj))[None, None]
            # sharpened values below 0 would be outside the brain
            sharp = torch.where(data > 0, sharpened(data, amount).clamp(min=0.01), data)
            io.save(folder / name, sharp[0, 0].numpy(), image.affine)
            copies.append(folder / name)
        register(*copies, output, settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results folder of a run, or of its preprocessing and folds")
    parser.add_argument("--name", required=True, help="of the data, as the table shows it")
    parser.add_argument("--moving", default="T2w", help="modality of the moving images")
    parser.add_argument("--folds", type=int, default=1, help="the first so many")
    parser.add_argument("--baselines", nargs="*", choices=tune_baselines.SEARCH, default=[], metavar="METHOD")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "sharpening.csv")
    args = parser.parse_args()
    cli.set_threads(1)
    config = load_project(ROOT, ["presets/bench.yaml"])
    task = config.task.model_copy(update={"moving": args.moving})
    folds = io.read_json(args.results / "split" / "folds.json")["folds"][: args.folds]
    structures = pd.read_csv(args.results / "preprocess" / "dseg.tsv", sep="\t")
    unrolled = config.unrolled.model_copy(update={"dice_structures": len([*labels.measured(structures)])})
    known = {"date": datetime.date.today(), "data": args.name, "task": f"{args.moving} to {task.fixed}"}
    lines = pd.read_csv(args.output).to_dict("records") if args.output.exists() else []

    def add(method: str, trained: float | None, sharpening: float, registers: list[Callable[..., Any]]) -> None:
        found = [
            tune_baselines.measure(method, register, [fold], task, args.results)
            for fold, register in zip(folds, registers, strict=True)
        ]
        pairs = sum(each["pairs"] for each in found)
        dice = sum(each["pairs"] * each["dice"] for each in found) / pairs
        line = {"method": method, "sharpening_in_training": trained, "sharpening": sharpening, "pairs": pairs}
        lines.append({**known, **line, "dice": round(dice, 4)})
        print(lines[-1], flush=True)
        io.write_text(args.output, pd.DataFrame(lines).to_csv(index=False))

    for method in args.baselines:
        for amount in (0, AMOUNT / 2, AMOUNT):
            register = partial(register_sharpened, tune_baselines.SEARCH[method][0], config.block(method), amount)
            add(method, None, amount, [register] * len(folds))
    for trained in (0, AMOUNT):
        settings = unrolled.model_copy(update={"sharpening": trained})
        with io.scratch() as folder:
            weights = [folder / f"fold{fold['fold']}.pt" for fold in folds]
            for fold, path in zip(folds, weights, strict=True):
                recipe = Recipe(task=task, known=config.known)
                learned.train(
                    "unrolled_none", settings, recipe, fold, structures, args.results / "preprocess", path, "sharpening"
                )
            add("unrolled_none", trained, trained, [learned.registrar(path, settings) for path in weights])
            for amount in (0, AMOUNT):
                refinement = config.refinement.model_copy(update={"sharpening": amount})
                registers = [learned.registrar(path, settings, refinement) for path in weights]
                add("unrolled_none_refined", trained, amount, registers)


if __name__ == "__main__":
    main()
