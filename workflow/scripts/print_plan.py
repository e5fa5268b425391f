"""Say in one line how many jobs and minutes are ahead."""

import csv
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def planned_jobs() -> dict[str, int]:
    """Rule -> number of jobs that a dry run plans."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(result.stderr.strip() or result.stdout.strip())
    counted = re.findall(r"^(\w+) +(\d+)$", result.stdout + result.stderr, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in counted if rule not in ("total", "all")}


def main() -> None:
    jobs = planned_jobs()
    if not jobs:
        print("Nothing to do: all results are up to date.")
        return
    with open(ROOT / "benchmarks" / "rule_seconds.csv") as stream:
        measured = {row["rule"]: float(row["core_seconds"]) for row in csv.DictReader(stream)}
    minutes = sum(count * measured.get(rule, 3.0) for rule, count in jobs.items()) / 2 / 60
    # one without took more than twice as long
    duration = f"about {max(1, round(minutes))} minutes on 2 cores with AVX-512"
    print(f"{sum(jobs.values())} jobs ahead, {duration} (logs: results/logs).")


if __name__ == "__main__":
    main()
