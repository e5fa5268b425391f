"""One training step of the progressive GAN at the paper's size, 160x224x192 in this project's axis order.

    .venv/bin/python benchmarks/full_size_step.py --threads 2

Runs one step of the discriminator and of the generator of the last stage of presets/paper.yaml (batch 1, random images
and labels) and prints their seconds and the peak memory of the process. `--no-checkpointing` keeps all features in
memory.
"""

import argparse
import resource
import time
from pathlib import Path

import torch

from ganreg import cli
from ganreg.configuration import load_project
from ganreg.learn.devices import choose_device
from ganreg.synthesize.pgan_training import Adversaries

LABELS = 36
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpointing", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    cli.set_threads(args.threads)
    config = load_project(ROOT, ["presets/paper.yaml"])
    settings = config.pgan.model_copy(update={"checkpointing": args.checkpointing, "precision": "auto"})
    shape, spacing = config.preprocess.shape, config.preprocess.spacing
    device = choose_device("auto")

    torch.manual_seed(0)
    extent = [size * spacing for size in shape]
    networks = Adversaries(settings, shape, extent, LABELS, 2, device)
    labels = torch.randint(0, LABELS + 1, (1, 1, *shape), dtype=torch.uint8, device=device)
    real = torch.randn(1, 2, *shape, device=device) * (labels > 0)
    last = len(settings.stages) - 1

    for model in ("generator", "discriminator"):
        print(f"{model}: {sum(each.numel() for each in getattr(networks, model).parameters()):,} parameters")
    computed = f"{device}, {networks.precision or 'float32'}, checkpointing {args.checkpointing}"
    print(f"grid {shape}, {computed}, {args.threads} threads")
    began = time.perf_counter()
    terms = networks.step(real, labels, last, 1.0, 0)
    if device.type == "cuda":
        torch.cuda.synchronize()
        peak = torch.cuda.max_memory_allocated() / 2**30
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = time.perf_counter() - began
    print(f"discriminator and generator step: {seconds:.1f} s, peak {peak:.1f} GiB, {terms}", flush=True)


if __name__ == "__main__":
    main()
