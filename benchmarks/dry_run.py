"""Seconds that planning takes, and jobs planned, for more and more subjects: snakemake -n of the paper preset.

    .venv/bin/python benchmarks/dry_run.py

Writes benchmarks/dry_run.csv. The subjects are empty files: planning looks at names and times alone. Without the
second data set; a fifth of the subjects are for validation, as in the preset.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
SUBJECTS = (20, 100, 577)


def processor_seconds():
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def plan(count, folder):
    """A line of the table: `count` made-up subjects of a BIDS folder, nothing made yet."""
    root = folder / "bids"
    for number in range(1, count + 1):
        stem = f"sub-{number:03d}/anat/sub-{number:03d}"
        for modality in ("T1w", "T2w"):
            path = root / f"{stem}_{modality}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    overlay = {
        "pathvars": {"results": str(folder / "results")},
        "bids": {"root": str(root)},
        "external": {"dataset": None},
        "split": {"validation_subjects": count // 5},
    }
    (folder / "overlay.json").write_text(json.dumps(overlay))
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1", "--nolock"]
    command += ["--configfile", "presets/paper.yaml", str(folder / "overlay.json")]
    before, began = processor_seconds(), time.perf_counter()
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds, used = time.perf_counter() - began, processor_seconds() - before
    if result.returncode != 0:
        sys.exit(result.stderr)
    jobs = int(re.search(r"^total +(\d+)$", result.stdout + result.stderr, flags=re.MULTILINE)[1])
    return {"subjects": count, "jobs": jobs, "seconds": round(seconds, 1), "processor_seconds": round(used, 1)}


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = []
    for count in SUBJECTS:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(plan(count, Path(folder)))
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(ROOT / "benchmarks" / "dry_run.csv", index=False)


if __name__ == "__main__":
    main()
