"""Pairs a second that training is given at the paper's size, 160x224x192 in this project's axis order.

    .venv/bin/python benchmarks/loader.py --version after
    .venv/bin/python benchmarks/loader.py --version before --package PATH

Pairs of random subjects are read by 1, 2 and 4 processes of a data loader, as they are and under classic augmentation,
up to where a step would begin, on the device that training would take. Files are in the system's cache, each subject is
read once, and hashes are taken before, as when training begins. PATH is the folder `workflow` of a checkout to compare
with (`git worktree add FOLDER COMMIT`). Writes the rows of the version, and a line that says what made them, into
benchmarks/loader.csv.
"""

import argparse
import os
import re
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "benchmarks" / "loader.csv"
SHAPE = (160, 224, 192)
WORKERS = (1, 2, 4)
STRUCTURES = 30
# subjects that are written; the others are links to them
WRITTEN = 4


def write_subjects(folder: Path, count: int) -> None:
    """Write so many preprocessed subjects: noise in an ellipsoid that fills half of the grid, in blocks of labels."""
    from ganreg import io
    from ganreg.volumes import bids

    places = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    brain = sum(place**2 for place in places) < 0.97
    blocks = [np.floor((place + 1) * 4).astype(int) for place in places]
    dseg = np.where(brain, 1 + (blocks[0] + 3 * blocks[1] + 7 * blocks[2]) % STRUCTURES, 0)
    for number in range(WRITTEN):
        rng = np.random.default_rng(number)
        for modality in ("T1w", "T2w"):
            image = np.where(brain, rng.normal(4, 1, SHAPE), 0)
            io.save(bids.path(folder, str(number), bids.preprocessed(modality)), image, np.eye(4))
        for name, data in ((bids.MASK, brain), (bids.DSEG, dseg)):
            io.save(bids.path(folder, str(number), name), data, np.eye(4), np.uint8)
    for number in range(WRITTEN, count):
        for path in bids.path(folder, str(number % WRITTEN), bids.MASK).parent.iterdir():
            link = bids.path(folder, str(number), path.name.partition("_")[2])
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)


def measure(folder: Path, output: Path, workers: int, augmented: bool, pairs: int) -> float:
    """Seconds from the start of the loader to the last of so many pairs."""
    from ganreg import io
    from ganreg.learn.session import Session
    from ganreg.preprocess.augment import ClassicAugmentation
    from ganreg.preprocess.settings import Augmentation
    from ganreg.register.dataset import Pairs, Step, Treatment
    from ganreg.register.settings import RegistrationTraining
    from ganreg.split.settings import Task
    from ganreg.volumes.subjects import Subjects

    mirrors = np.arange(STRUCTURES + 1, dtype=np.uint8)
    treatment = Treatment(ClassicAugmentation(Augmentation(), mirrors) if augmented else None)
    subjects = Subjects(folder, ["T1w", "T2w"])
    steps = [Step(str(2 * number), str(2 * number + 1), number) for number in range(pairs)]
    samples = Pairs(subjects, steps, Task(), mirrors, 0, treatment)
    # packages of before have no digests to hand on
    digest = getattr(subjects, "digest", io.sha256)
    for path in (path for number in range(2 * pairs) for path in subjects.paths(str(number)).values()):
        digest(path)
    session = Session("loader", RegistrationTraining(workers=workers), samples, output, "key", {})
    began = time.perf_counter()
    for batch in session.batches():
        # waits for the device
        float(batch["fixed"].sum())
    return time.perf_counter() - began


def processor() -> str:
    """The processor's name."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{found[1] if found else 'unknown processor'}, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", required=True, choices=["before", "after"])
    parser.add_argument("--package", type=Path, default=ROOT / "workflow")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    sys.path.insert(0, str(args.package))
    from ganreg import cli, io

    cli.set_threads(args.threads)
    lines = []
    with io.scratch() as folder:
        write_subjects(folder / "subjects", 2 * args.pairs)
        for augmented in (False, True):
            for workers in WORKERS:
                seconds = measure(folder / "subjects", folder / "weights.pt", workers, augmented, args.pairs)
                lines.append(
                    {
                        "version": args.version,
                        "workers": workers,
                        "augmented": augmented,
                        "pairs": args.pairs,
                        "seconds": round(seconds, 2),
                        "pairs_a_second": round(args.pairs / seconds, 3),
                    }
                )
                print(lines[-1], flush=True)
    command = f"benchmarks/loader.py --version {args.version} --pairs {args.pairs} --threads {args.threads}"
    said, table = [f"# {args.version}: {command}; {date.today()}; {processor()}"], pd.DataFrame(lines)
    if OUTPUT.is_file():
        kept = [line for line in OUTPUT.read_text().splitlines() if line.startswith("#")]
        said += [line for line in kept if not line.startswith(f"# {args.version}:")]
        old = pd.read_csv(OUTPUT, comment="#")
        table = pd.concat([old[old["version"] != args.version], table]).sort_values(["version", "augmented", "workers"])
    io.write_text(OUTPUT, "\n".join([*sorted(said), table.to_csv(index=False)]))


if __name__ == "__main__":
    main()
