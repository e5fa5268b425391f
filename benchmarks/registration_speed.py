"""Seconds and peak memory of registering one pair: classical programs, MONAI's VoxelMorph, and this project's networks.

    .venv/bin/python benchmarks/registration_speed.py

The pair is the ICBM-152 T1w average and a deformed copy of the T2w average, on the grids of presets/paper.yaml and of
presets/bench.yaml. Each line is measured in a process of its own, so that peak memory, libraries included, is its own:
`--repeats` times, or once if it takes more than a minute; the median counts. cpu_seconds are of all threads: where
they fall far short of the seconds times the threads, the machine had other work. Programs go from files to a transform
file, uncompressed; networks from two tensors to displacement and warped image; *_files goes the programs' way.
Networks have random weights, on which speed does not depend. SyN and NiftyReg have the settings of the grid's preset,
the others those of the configuration without a preset; at 1 mm the unrolled network reads halved images
(`unrolled.halvings`); unrolled_unmirrored does without `unrolled.mirrored`, unrolled_one_direction without
`unrolled.symmetric`, too. Greedy has one thread.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch

from ganreg import cli, io
from ganreg.configuration import Config, load_project
from ganreg.get import template
from ganreg.learn import devices, training
from ganreg.learn.checkpoint import save_weights
from ganreg.learn.inference import trained
from ganreg.preprocess import resample
from ganreg.register import batch, instance, learned, networks
from ganreg.register.settings import VelocityTraining
from ganreg.settings import Block
from ganreg.spatial import deform, itk, warp
from ganreg.spatial.settings import Deformation
from ganreg.tools import ants, convexadam, greedy, niftyreg
from ganreg.volumes import labels
from ganreg.volumes.normalize import zscore

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("paper", "bench")
HALVINGS = {"paper": 1, "bench": 0}
# seconds; what takes longer is measured once
SLOW = 60
SAMPLES = 20
# anatomy as far apart as in the embedded cohort, about
DEFORMATION = Deformation(scale=0.05, elastic_spacing_mm=24, elastic_sd_mm=4)


def make_pair(config: Config, folder: Path) -> None:
    """Write the pair: preprocessed images, and labels for the training step."""
    volumes, affine = template.load_template(template.icbm152_files())
    shape, spacing = config.preprocess.shape, config.preprocess.spacing
    table = labels.read_table(ROOT / "resources" / "labels" / "cerebra.tsv")
    grid = resample.grid_affine(volumes["mask"], affine, shape, spacing)
    onto_grid = itk.to_transform(np.eye(4)), shape, grid
    structures = labels.to_structures(volumes["dseg"], table, volumes["mask"])
    fixed_labels = resample.resample_labels(structures, affine, *onto_grid)
    displacement = deform.random_displacement(np.random.default_rng(1), shape, [spacing] * 3, DEFORMATION)
    moving_labels = deform.deform_labels(fixed_labels, displacement)
    fixed, moving = (
        resample.resample_image(nib.Nifti1Image(volumes[name], affine), *onto_grid) for name in ("T1w", "T2w")
    )
    moving = deform.deform_image(moving, displacement)
    io.save(folder / "fixed.nii", zscore(fixed, fixed_labels > 0, "fixed"), grid)
    io.save(folder / "moving.nii", zscore(moving, moving_labels > 0, "moving"), grid)
    io.save(folder / "fixed_labels.nii", fixed_labels, grid, np.uint8)
    io.save(folder / "moving_labels.nii", moving_labels, grid, np.uint8)


def read(folder: Path, *names: str) -> list[torch.Tensor]:
    """Volumes of the pair as tensors (1, 1, X, Y, Z)."""
    return [torch.from_numpy(np.asarray(nib.load(folder / f"{name}.nii").dataobj).copy())[None, None] for name in names]


def from_files(register: Callable[..., Any], settings: Block, folder: Path) -> Callable[[], Any]:
    """A registration from files to a transform file, as the workflow calls it."""
    return lambda: register(folder / "fixed.nii", folder / "moving.nii", folder / "transform.nii", settings)


def monai_voxelmorph(folder: Path) -> Callable[[], None]:
    """MONAI's VoxelMorph as it comes: inference, integration at full size, warping."""
    from monai.networks.nets import VoxelMorph

    torch.manual_seed(0)
    model, (fixed, moving) = VoxelMorph().eval(), read(folder, "fixed", "moving")

    def run():
        with torch.no_grad():
            model(moving, fixed)

    return run


def with_weights(settings: VelocityTraining, folder: Path) -> Path:
    """A file of random weights of a network."""
    torch.manual_seed(0)
    path = folder / "network.pt"
    save_weights(path, networks.build(settings).state_dict())
    return path


def network(settings: VelocityTraining, folder: Path) -> Callable[[], None]:
    """A network: velocity, integration, up-sampling, warping."""
    register = trained(networks.build(settings), with_weights(settings, folder), settings)
    fixed, moving = read(folder, "fixed", "moving")

    def run():
        with torch.no_grad():
            warp.warp(moving, register(fixed, moving))

    return run


def network_files(settings: VelocityTraining, folder: Path) -> Callable[[], None]:
    """A network from files to a transform file."""
    register = learned.registrar(with_weights(settings, folder), settings)
    return lambda: register(folder / "fixed.nii", folder / "moving.nii", folder / "transform.nii")


def dropout_samples(settings: VelocityTraining, folder: Path) -> Callable[[], None]:
    """Mean and variance of the displacement over dropout samples, and the image warped by the mean."""

    def sample(model, fixed, moving):
        for module in model.modules():
            module.train(isinstance(module, torch.nn.Dropout3d))
        mean, squares = 0, 0
        for number in range(1, SAMPLES + 1):
            displacement = model(fixed, moving)
            difference = displacement - mean
            mean = mean + difference / number
            squares = squares + difference * (displacement - mean)
        return torch.cat([mean, squares / (SAMPLES - 1), warp.warp(moving, mean)], dim=1)

    network = trained(networks.build(settings), with_weights(settings, folder), settings, sample)
    images = read(folder, "fixed", "moving")
    return lambda: network(*images)


def training_step(settings: VelocityTraining, folder: Path) -> Callable[[], None]:
    """One training step: loss, gradient, optimizers."""
    device = devices.choose_device(settings.device)
    precision = devices.choose_precision(settings.precision, device)
    torch.manual_seed(0)
    model = devices.place(networks.build(settings), device).train()
    optimizers = training.optimizers(model, settings)
    names = ("fixed", "moving", "fixed_labels", "moving_labels")
    pair = devices.to_device(dict(zip(names, read(folder, *names), strict=True)), device)
    pair["mask"] = (pair["fixed_labels"] > 0).float()
    loss_of = learned.loss_function(settings, int(pair["fixed_labels"].max()) - 1)

    def run():
        model.zero_grad(set_to_none=True)
        with devices.autocast(device, precision):
            loss, _ = loss_of(model, pair)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()

    return run


def changed(settings: Block, **values: Any) -> Block:
    """Settings, some of them changed."""
    return settings.model_copy(update=values)


# name -> function (configuration, folder of the pair) -> what is timed
ROWS = {
    "syn_default": lambda config, folder: from_files(
        ants.register, changed(config.syn_mi, iterations=[40, 20, 0]), folder
    ),
    "syn_mi": lambda config, folder: from_files(ants.register, config.syn_mi, folder),
    "niftyreg_nmi": lambda config, folder: from_files(niftyreg.register, config.niftyreg_nmi, folder),
    "greedy_nmi": lambda config, folder: from_files(greedy.register, config.greedy_nmi, folder),
    "convexadam_mind": lambda config, folder: from_files(convexadam.register, config.convexadam_mind, folder),
    "monai_voxelmorph": lambda config, folder: monai_voxelmorph(folder),
    "instance_mind": lambda config, folder: from_files(instance.register, config.instance_mind, folder),
    "unet": lambda config, folder: network(config.unet, folder),
    "unet_files": lambda config, folder: network_files(config.unet, folder),
    f"unet_{SAMPLES}_samples": lambda config, folder: dropout_samples(config.unet, folder),
    "unet_training_step": lambda config, folder: training_step(config.unet, folder),
    "unrolled": lambda config, folder: network(config.unrolled, folder),
    "unrolled_unmirrored": lambda config, folder: network(changed(config.unrolled, mirrored=False), folder),
    "unrolled_one_direction": lambda config, folder: network(
        changed(config.unrolled, symmetric=False, mirrored=False), folder
    ),
    "unrolled_training_step": lambda config, folder: training_step(config.unrolled, folder),
}
OURS = "unrolled"


def configuration(preset: str, threads: int) -> Config:
    """The configuration with a preset's grid and settings of the programs."""
    config, overlaid = load_project(ROOT), load_project(ROOT, [f"presets/{preset}.yaml"])
    return config.model_copy(
        update={
            "preprocess": overlaid.preprocess,
            "syn_mi": overlaid.syn_mi,
            "niftyreg_nmi": changed(overlaid.niftyreg_nmi, threads=threads),
            "unrolled": changed(config.unrolled, halvings=HALVINGS[preset]),
        }
    )


def measure(row: str, config: Config, folder: Path, repeats: int) -> dict[str, float]:
    """Seconds, seconds of processor (all threads and child processes) and peak memory in MiB of one row."""
    run, seconds, processor = ROWS[row](config, folder), [], []
    while len(seconds) < repeats and (not seconds or seconds[0] <= SLOW):
        began, busy = time.perf_counter(), sum(os.times()[:4])
        child_peak = run()
        seconds.append(time.perf_counter() - began)
        processor.append(sum(os.times()[:4]) - busy)
    # a program that is a process of its own says what it took
    peak = child_peak if isinstance(child_peak, float) else batch.peak_mib()
    spent = {"seconds": statistics.median(seconds), "cpu_seconds": statistics.median(processor)}
    return {**spent, "peak_mib": peak, "repeats": len(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--grids", nargs="+", choices=PRESETS, default=PRESETS, metavar="PRESET")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "registration_speed.csv")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    cli.set_threads(args.threads)
    if args.measure:
        found = measure(args.rows[0], configuration(args.grids[0], args.threads), args.measure, args.repeats)
        print(json.dumps(found))
        return

    packages = ("torch", "monai", "antspyx", "niftyreg", "picsl-greedy", "convexAdam")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = []
    for preset in args.grids:
        config = configuration(preset, args.threads)
        grid = "x".join(map(str, config.preprocess.shape))
        with io.scratch() as folder:
            make_pair(config, folder)
            for row in args.rows:
                own = ["--grids", preset, "--rows", row, "--measure", str(folder)]
                shared = ["--repeats", str(args.repeats), "--threads", str(args.threads)]
                done = subprocess.run([sys.executable, __file__, *own, *shared], check=True, stdout=subprocess.PIPE)
                found = json.loads(done.stdout.splitlines()[-1])
                lines.append({"grid": grid, "row": row, **found})
                print(f"{grid} {row}: " + ", ".join(f"{key} {value:.5g}" for key, value in found.items()), flush=True)
    table = pd.DataFrame(lines)
    ours = table[table["row"] == OURS].set_index("grid")["seconds"]
    table.insert(3, "ratio_to_unrolled", table["seconds"] / table["grid"].map(ours))
    command = " ".join(["benchmarks/registration_speed.py", *sys.argv[1:]])
    said = f"# {command}; {datetime.date.today()}; {args.threads} threads of {os.cpu_count()} cores; {versions}\n"
    io.write_text(args.output, said + table.round(3).to_csv(index=False))


if __name__ == "__main__":
    main()
