"""What Snakemake and the start of processes cost in a finished run: the cores' idle time, and each job's imports.

    .venv/bin/python benchmarks/overhead.py --run . --cores 2

`--run` is the folder in which a run from scratch has come to its end: Snakemake's records there say when each job began
and ended. A job's start is the processor time of its script until the arguments are parsed, measured here.
Writes benchmarks/overhead.csv.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]


def jobs(run):
    """A line for each job of the last run: rule, script, began, ended (seconds)."""
    rows = []
    for path in (run / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():
            record = json.loads(path.read_text())
            if record["starttime"]:
                # a rule that inherits another one's command has its script
                script = re.search(r"\$SCRIPTS/(\w+\.py)", record["shellcmd"])[1]
                kept = {key: record[key] for key in ("rule", "starttime", "endtime")}
                rows.append({**kept, "script": script, "log": str(record["log"])})
    table = (
        pd.DataFrame(rows).groupby(["rule", "script", "log"]).agg(began=("starttime", "min"), ended=("endtime", "max"))
    )
    return table.reset_index()


def start_up(script):
    """Processor seconds until a script has its arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, ROOT / "workflow" / "scripts" / script, "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--cores", type=int, required=True, help="that the run had")
    args = parser.parse_args()
    measured = jobs(args.run)
    wall = measured["ended"].max() - measured["began"].min()
    measured["seconds"] = measured["ended"] - measured["began"]
    table = measured.groupby("rule").agg(
        script=("script", "first"), jobs=("seconds", "count"), seconds=("seconds", "sum")
    )
    table["start_seconds"] = [start_up(script) for script in table["script"]]
    started = (table["jobs"] * table["start_seconds"]).sum()
    idle = 1 - table["seconds"].sum() / (args.cores * wall)
    print(f"{table['jobs'].sum()} jobs, {table['seconds'].sum():.0f} s in all, {wall:.0f} s on {args.cores} cores")
    print(f"cores without a job: {idle:.1%}; starting processes: {started / (args.cores * wall):.1%} ({started:.0f} s)")
    table.drop(columns="script").round(2).to_csv(ROOT / "benchmarks" / "overhead.csv")


if __name__ == "__main__":
    main()
