"""One training step of the progressive GAN at the paper's size, 160x224x192 in this project's axis order.

    PYTHONPATH=workflow python benchmarks/full_size_step.py --threads 2

Runs one critic and one generator step of the last stage of presets/paper.yaml (batch 1, random images and labels) and
prints their seconds and the peak memory of the process. `--no-checkpointing` keeps all features in memory.
"""

import argparse
import resource
import time
from pathlib import Path

import torch
import yaml

from ganreg import cli, training
from ganreg.synthesize import pgan

LABELS = 36
ROOT = Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpointing", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    cli.set_threads(args.threads)
    paper = yaml.safe_load((ROOT / "presets" / "paper.yaml").read_text())
    options = yaml.safe_load((ROOT / "config.yaml").read_text())["pgan"] | paper["pgan"]
    options |= {"checkpointing": args.checkpointing}
    shape, spacing = paper["preprocess"]["shape"], paper["preprocess"]["spacing"]
    device = training.choose_device("auto")
    precision = training.choose_precision("auto", device)

    torch.manual_seed(0)
    extent = [side * spacing for side in shape]
    networks = pgan.Adversaries(options, shape, extent, LABELS, 2, device, precision)
    labels = torch.randint(0, LABELS + 1, (1, 1, *shape), dtype=torch.uint8, device=device)
    real = torch.randn(1, 2, *shape, device=device) * (labels > 0)
    last = len(options["stages"]) - 1

    for model in ("generator", "critic"):
        print(f"{model}: {sum(each.numel() for each in getattr(networks, model).parameters()):,} parameters")
    print(
        f"grid {shape}, {device}, {precision or 'float32'}, checkpointing {args.checkpointing}, {args.threads} threads"
    )
    began = time.perf_counter()
    terms = networks.step(real, labels, last, 1.0, 0)
    if device.type == "cuda":
        torch.cuda.synchronize()
        peak = torch.cuda.max_memory_allocated() / 2**30
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"critic and generator step: {time.perf_counter() - began:.1f} s, peak {peak:.1f} GiB, {terms}", flush=True)


if __name__ == "__main__":
    main()
