"""The search behind the settings of methods that learn nothing: Dice on validation pairs, one value changed at a time.

    .venv/bin/python benchmarks/tune_baselines.py results

Every candidate registers the validation pairs of the first folds of a run of the default configuration, T2w onto T1w,
with the configuration's settings but for the values named; Dice is measured as the workflow measures it. The table says
what each candidate reached; the configuration's settings are in it as `configured`. Test pairs are not touched.
"""

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ganreg import cli, io
from ganreg.configuration import load_project
from ganreg.evaluate import pairs
from ganreg.register import instance
from ganreg.register.batch import inputs_of_pairs
from ganreg.split.folds import Fold
from ganreg.split.settings import Task
from ganreg.tools import ants, convexadam, greedy, niftyreg

ROOT = Path(__file__).resolve().parents[1]
FOLDS, JOBS = 3, 2
# method -> its function and the values that are tried beside the configured ones
SEARCH = {
    "syn_mi": (
        ants.register,
        [
            {"iterations": [40, 20, 20]},
            {"iterations": [200, 150, 100]},
            {"gradient_step": 0.1},
            {"gradient_step": 0.4},
            {"flow_sigma": 2},
            {"flow_sigma": 4},
            {"total_sigma": 0.5},
            {"sampling": 16},
            {"sampling": 48},
        ],
    ),
    "niftyreg_nmi": (
        niftyreg.register,
        [
            {"spacing_mm": 7.5},
            {"spacing_mm": 15},
            {"bending_energy": 0.0001},
            {"bending_energy": 0.0003},
            {"bending_energy": 0.003},
            {"iterations": 300},
            {"levels": 1},
            {"levels": 3},
            {"spacing_mm": 7.5, "bending_energy": 0.003},
        ],
    ),
    "greedy_nmi": (
        greedy.register,
        [
            {"iterations": [100, 50]},
            {"iterations": [100, 100, 100]},
            {"gradient_step": 0.25},
            {"gradient_step": 1.0},
            {"flow_sigma": 1.0},
            {"flow_sigma": 2.0},
            {"total_sigma": 0.25},
            {"total_sigma": 0.75},
        ],
    ),
    "convexadam_mind": (
        convexadam.register,
        [
            {"lambda_weight": 0.75},
            {"lambda_weight": 2.5},
            {"grid_sp_adam": 2},
            {"mind_d": 1},
            {"disp_hw": 2},
            {"selected_niter": 160},
            {"selected_smooth": 3},
        ],
    ),
    "instance_mind": (
        instance.register,
        [
            {"steps": 75},
            {"steps": 300},
            {"learning_rate": 0.15},
            {"learning_rate": 0.6},
            {"diffusion": 1},
            {"diffusion": 4},
            {"mutual_information": 0},
            {"mutual_information": 0.1},
            {"sharpening": 1},
        ],
    ),
}
DISTRIBUTIONS = {
    "syn_mi": "antspyx",
    "niftyreg_nmi": "niftyreg",
    "greedy_nmi": "picsl-greedy",
    "convexadam_mind": "convexAdam",
    "instance_mind": "torch",
}


def measure(
    method: str, register: Callable[[Path, Path, Path], Any], folds: Sequence[Fold], task: Task, results: Path
) -> dict[str, float]:
    """Dice of a method's transforms of the validation pairs, as the workflow measures it, and seconds a pair.

    Parameters
    ----------
    method : str
    register : function (fixed path, moving path, output path)
    folds : list of dict, of `split.folds`
    task : Task
    results : Path

    Returns
    -------
    dict: pairs, dice, folded_forward_percent, seconds_a_pair
    """
    subjects = results / "preprocess"
    inputs_of = inputs_of_pairs(subjects, task.fixed, task.moving, partial=False)
    folds = [{"fold": fold["fold"], "pairs": fold["validation_pairs"]} for fold in folds]
    transforms, began = {}, time.perf_counter()
    with io.scratch() as folder:
        for fold in folds:
            for pair in fold["pairs"]:
                output = folder / f"{fold['fold']}_{pair['pair']}.nii.gz"
                register(*inputs_of(pair), output)
                transforms[fold["fold"], 1, pair["pair"]] = output
        seconds = (time.perf_counter() - began) / len(transforms)
        structures = pd.read_csv(subjects / "dseg.tsv", sep="\t")
        data = pairs.Measured("validation", subjects, structures, task.fixed)
        long, per_pair = pairs.evaluate_pairs(folds, method, transforms, data)
    dice = long.groupby(["fold", "pair"])["dice"].mean().mean()
    folded = per_pair["folded_forward_percent"].mean()
    return {"pairs": len(transforms), "dice": dice, "folded_forward_percent": folded, "seconds_a_pair": seconds}


def try_candidate(method: str, changed: dict[str, Any], results: Path) -> dict[str, float]:
    """What `measure` finds for one candidate."""
    cli.set_threads(1)
    config = load_project(ROOT)
    settings = config.block(method)
    settings = type(settings).model_validate(settings.model_dump() | changed)
    folds = io.read_json(results / "split" / "folds.json")["folds"][:FOLDS]

    def register(fixed: Path, moving: Path, output: Path) -> None:
        SEARCH[method][0](fixed, moving, output, settings)

    return measure(method, register, folds, config.task, results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results folder of a run of the default configuration")
    parser.add_argument("--methods", nargs="+", choices=SEARCH, default=list(SEARCH), metavar="METHOD")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "baseline_tuning.csv")
    args = parser.parse_args()
    versions = ", ".join(f"{DISTRIBUTIONS[name]} {version(DISTRIBUTIONS[name])}" for name in args.methods)
    command = " ".join(["benchmarks/tune_baselines.py", *sys.argv[1:]])
    said = f"# {command}; {datetime.date.today()}; {JOBS} jobs of one thread; {versions}\n"
    lines = []
    with ProcessPoolExecutor(JOBS) as pool:
        jobs = [
            (method, changed, pool.submit(try_candidate, method, changed, args.results))
            for method in args.methods
            for changed in ({}, *SEARCH[method][1])
        ]
        for method, changed, job in jobs:
            found = job.result()
            lines.append({"method": method, "changed": json.dumps(changed) if changed else "configured", **found})
            print(f"{method} {lines[-1]['changed']}: Dice {found['dice']:.4f}", flush=True)
            # after each: a candidate that fails costs none of those before
            io.write_text(args.output, said + pd.DataFrame(lines).round(4).to_csv(index=False))


if __name__ == "__main__":
    main()
