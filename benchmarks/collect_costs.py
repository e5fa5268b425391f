"""Collect what a finished run cost: seconds of a core a job of each rule, and the speed and memory of each training.

    .venv/bin/python benchmarks/collect_costs.py --results results

Reads Snakemake's benchmark files and the training histories; writes benchmarks/rule_seconds.csv, by which a run that
has just begun compares rules that it has not seen, and benchmarks/training_speed.csv. Rules without a benchmark keep
their line.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def jobs(results):
    """A line for each benchmarked job: rule, name, seconds (a core is taken as long), peak_mib."""
    rows = []
    for path in sorted((results / "benchmarks").rglob("*.jsonl")):
        measured = json.loads(path.read_text().splitlines()[-1])
        rule = path.relative_to(results / "benchmarks").parts[0].removesuffix(".jsonl")
        row = {"rule": rule, "name": path.stem, "seconds": measured["s"], "peak_mib": measured["max_rss"]}
        rows.append(row)
    return pd.DataFrame(rows)


def training_speed(results, measured):
    """Steps a second and peak memory of each network, means and maxima over the folds."""
    rows = []
    for path in sorted((results / "models").glob("fold*/*_history.jsonl")):
        model, fold = path.name.removesuffix("_history.jsonl"), path.parent.name
        # pretrain_unet/fold1_unet, train_unet/fold1_unet_none, train_rdnn/fold1_all, train_pgan/fold1
        network = model.removesuffix("_pretrained")
        names = [f"{fold}_{network}", f"{fold}_{model.removeprefix('rdnn_')}"]
        begins = "train_" if network == model else "pretrain_"
        named = measured["rule"].str.startswith(begins) & measured["name"].isin(names)
        own = measured[named | ((measured["rule"] == f"train_{model}") & (measured["name"] == fold))]
        steps = json.loads(path.read_text().splitlines()[-1])["step"]
        job = own.iloc[0]
        rows.append({"model": model, "steps": steps, "seconds": job["seconds"], "peak_mib": job["peak_mib"]})
    table = pd.DataFrame(rows).groupby("model").agg({"steps": "max", "seconds": "mean", "peak_mib": "max"})
    table["steps_per_second"] = table["steps"] / table["seconds"]
    return table.reset_index()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    results = parser.parse_args().results
    measured = jobs(results)
    seconds = pd.read_csv(HERE / "rule_seconds.csv").set_index("rule")["core_seconds"].to_dict()
    seconds |= measured.groupby("rule")["seconds"].mean().round(1).to_dict()
    pd.Series(seconds, name="core_seconds").rename_axis("rule").to_csv(HERE / "rule_seconds.csv")
    training_speed(results, measured).round(2).to_csv(HERE / "training_speed.csv", index=False)


if __name__ == "__main__":
    main()
