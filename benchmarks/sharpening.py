"""Does it help to sharpen images before they are compared? Dice on validation pairs, with and without.

    PYTHONPATH=workflow python benchmarks/sharpening.py results/bench --name simulated

The U-Net is trained on the training subjects of the first fold of a run, once on images as they are and once on
sharpened ones (`losses.sharpened`), with all other settings of presets/bench.yaml; either registers the validation
pairs in one pass and refined, refinement with and without sharpening. The classical methods register images that were
sharpened before. Lines are added to the table as they come; a run of other data adds to those that are there. Test
pairs are not touched.
"""

import argparse
import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import tune_baselines
import yaml

from ganreg import cli, io
from ganreg.preprocess.labels import REST
from ganreg.register import learned, losses

ROOT = Path(__file__).resolve().parents[1]
AMOUNT = 3.0


def register_sharpened(register, settings, amount, fixed, moving, output):
    """Register sharpened copies of two images with a classical method."""
    with io.scratch() as folder:
        copies = []
        for path, name in ((fixed, "fixed.nii.gz"), (moving, "moving.nii.gz")):
            image = io.load_image(path)
            data = torch.from_numpy(np.asarray(image.dataobj))[None, None]
            # sharpened values below 0 would be outside the brain
            sharp = torch.where(data > 0, losses.sharpened(data, amount).clamp(min=0.01), data)
            io.save(folder / name, sharp[0, 0].numpy(), image.affine)
            copies.append(folder / name)
        register(*copies, output, settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results folder of a run, or of its preprocessing and folds")
    parser.add_argument("--name", required=True, help="of the data, as the table shows it")
    parser.add_argument("--moving", default="T2w", help="modality of the moving images")
    parser.add_argument("--folds", type=int, default=1, help="the first so many")
    parser.add_argument("--baselines", nargs="*", choices=tune_baselines.SEARCH, default=[], metavar="METHOD")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "sharpening.csv")
    args = parser.parse_args()
    cli.set_threads(1)
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    preset = yaml.safe_load((ROOT / "presets" / "bench.yaml").read_text())
    task = config["task"] | {"moving": args.moving}
    folds = io.read_json(args.results / "split" / "folds.json")["folds"][: args.folds]
    structures = pd.read_csv(args.results / "preprocess" / "dseg.tsv", sep="\t")
    count = int((structures["name"] != REST).sum())
    unet = config["unet"] | preset["unet"] | {"dice_structures": count}
    known = {"date": datetime.date.today(), "data": args.name, "task": f"{args.moving} to {task['fixed']}"}
    lines = pd.read_csv(args.output).to_dict("records") if args.output.exists() else []

    def add(method, trained, sharpening, registers):
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
        settings = config[method] | preset.get(method, {})
        for amount in (0, AMOUNT / 2, AMOUNT):
            register = partial(register_sharpened, tune_baselines.SEARCH[method][0], settings, amount)
            add(method, None, amount, [register] * len(folds))
    for trained in (0, AMOUNT):
        options = unet | {"sharpening": trained}
        with io.scratch() as folder:
            weights = [folder / f"fold{fold['fold']}.pt" for fold in folds]
            for fold, path in zip(folds, weights, strict=True):
                learned.train(
                    "unet_none", options, fold, task, structures, args.results / "preprocess", path, "sharpening"
                )
            add("unet_none", trained, trained, [learned.registrar(path, options) for path in weights])
            for amount in (0, AMOUNT):
                refinement = config["refinement"] | {"sharpening": amount}
                registers = [learned.registrar(path, options, refinement) for path in weights]
                add("unet_none_refined", trained, amount, registers)


if __name__ == "__main__":
    main()
