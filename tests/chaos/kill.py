"""Kill a run at random moments, go on each time as a user would, and compare what comes out with an uninterrupted run.

    make test-chaos KILLS=20

The uninterrupted run takes one core, the others two: the tables depend on neither. SIGKILL meets Snakemake and all that
it started, at once, as a power cut does. Exit status 0: all tables but those of cost are the same, byte for byte.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from conftest import SMOKE, copy_project  # noqa: E402

COMMAND = [sys.executable, "-m", "snakemake", "--configfile", SMOKE, "tests/chaos/overlay.yaml"]
RESULTS = Path("results/chaos")
# kills that one run meets
KILLS_A_RUN = 5


def processes(session):
    """Identifiers of the living processes of a session."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            state, _, _, its_session = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its_session) == session and state not in "ZX":
            found.append(int(name))
    return found


def kill_all(session):
    """Send SIGKILL to every process of a session until none is left."""
    while alive := processes(session):
        for number in alive:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def snakemake(folder, log, *arguments, kill_after=None):
    """Run Snakemake to the end, or kill it and its children; its exit status, None where it was killed."""
    with open(log, "a") as stream:
        running = subprocess.Popen(
            [*COMMAND, *arguments], cwd=folder, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return running.wait(timeout=kill_after)
        except subprocess.TimeoutExpired:
            return None
        finally:
            kill_all(running.pid)
            running.wait()


def finish(folder, log, cores, kill_after=None):
    """Run all rules; whether it came to its end. Where a lock is left of a killed run it is taken away first."""
    arguments = ["--cores", str(cores), "--", "tables"]
    began, size = time.monotonic(), log.stat().st_size if log.is_file() else 0
    status = snakemake(folder, log, *arguments, kill_after=kill_after)
    if status and "Directory cannot be locked" in log.read_text()[size:]:
        if snakemake(folder, log, "--unlock", "--cores", "1") != 0:
            sys.exit(f"error: --unlock failed: {log}")
        left = None if kill_after is None else max(0.0, kill_after - (time.monotonic() - began))
        status = snakemake(folder, log, *arguments, kill_after=left)
    if status:
        sys.exit(f"error: the run failed: {log}\n{''.join(log.read_text().splitlines(True)[-20:])}")
    return status == 0


def tables(folder):
    """Path -> bytes of all tables but those of cost."""
    paths = [path for part in ("tables", "metrics") for path in sorted((folder / RESULTS / part).rglob("*.*"))]
    return {path.relative_to(folder): path.read_bytes() for path in paths if path.stem != "cost"}


def leftovers(folder):
    """Temporary files and folders of a finished run."""
    return [
        path.relative_to(folder)
        for path in (folder / RESULTS).rglob(".*")
        if path.name.startswith(".partial-") or path.name.endswith((".part", ".checkpoint"))
    ]


def kept(folder):
    """How often work of a killed run was gone on with, as the jobs' logs of the last try tell."""
    logs = (folder / RESULTS / "logs").rglob("*.log")
    return sum(len(re.findall(r": goes on from ", path.read_text(errors="replace"))) for path in logs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="drawn if not given")
    args = parser.parse_args()
    draw = random.Random(args.seed)
    print(f"{args.kills} kills, seed {args.seed}", flush=True)
    work = Path(tempfile.mkdtemp(prefix="ganreg-chaos-"))
    whole = copy_project(work / "whole")
    began = time.monotonic()
    finish(whole, work / "whole.log", cores=1)
    seconds = time.monotonic() - began
    expected = tables(whole)
    print(f"uninterrupted, 1 core: {seconds:.0f} s, {len(expected)} tables", flush=True)

    killed = identical = 0
    while killed < args.kills:
        folder, log = copy_project(work / f"killed{killed}"), work / f"killed{killed}.log"
        here, wanted, ended = 0, min(KILLS_A_RUN, args.kills - killed), False
        while here < wanted and not ended:
            # on two cores a run takes half as long and more; twice the mean wait is drawn at most
            moment = draw.uniform(0, seconds / (wanted + 1))
            ended = finish(folder, log, cores=2, kill_after=moment)
            if not ended:
                here += 1
                print(f"killed after {moment:.1f} s", flush=True)
        if not ended:
            finish(folder, log, cores=2)
        found, left = tables(folder), leftovers(folder)
        differing = sorted(
            str(path) for path in found.keys() | expected.keys() if found.get(path) != expected.get(path)
        )
        print(f"{here} kills, {kept(folder)} trainings went on from a checkpoint: ", end="")
        if differing or left:
            print(f"not identical: {', '.join(differing)} {', '.join(map(str, left))}; kept in {work}", flush=True)
        else:
            print("identical", flush=True)
            identical += here
            shutil.rmtree(folder)
        killed += here
    print(f"{identical} of {args.kills} identical")
    if identical < args.kills:
        sys.exit(1)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
