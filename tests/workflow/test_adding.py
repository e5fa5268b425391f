"""What a newcomer would add, from outside and tiny: it works, and touches no more files than CONTRIBUTING.md says."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from conftest import ROOT, SMOKE, planned, snakemake
from rerun import SOURCES, copy_finished, edit

from ganreg.configuration import writing

RESULTS = "results/smoke"
METHODS = "workflow/ganreg/register/methods.py"


def contents(folder):
    """Path -> bytes of everything that a newcomer could have written in a project."""
    files = [path for name in SOURCES for path in [folder / name, *(folder / name).rglob("*")]]
    return {path.relative_to(folder): path.read_bytes() for path in files if path.is_file() and path.suffix != ".pyc"}


class Project:
    """A finished run, to which something is added; how many files that has touched."""

    def __init__(self, finished, folder):
        self.folder = copy_finished(finished, folder)
        self.before = contents(folder)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def insert(self, name, before, text):
        """Put a text before a place that a file has once."""
        content = (self.folder / name).read_text()
        assert content.count(before) == 1, (name, before)
        self.write(name, content.replace(before, text + before))

    def write_configuration(self):
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "workflow")}
        command = [sys.executable, self.folder / "workflow" / "scripts" / "write_configuration.py"]
        subprocess.run(command, env=environment, check=True)

    def touched(self):
        """Files that were written by hand: not those that `make config` writes."""
        now = contents(self.folder)
        changed = {str(name) for name in {*now, *self.before} if now.get(name) != self.before.get(name)}
        return sorted(changed - {*writing.texts((ROOT / "README.md").read_text())})

    def run(self, overlay, *targets):
        self.write("overlay.yaml", yaml.safe_dump(overlay))
        arguments = ["--configfile", SMOKE, "overlay.yaml", "--quiet", "rules", "--show-failed-logs", "--", *targets]
        result = snakemake(self.folder, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def project(finished, tmp_path):
    return Project(finished, tmp_path)


TOOL = '''"""Shift by whole voxels."""

from pathlib import Path

from ganreg.settings import Block, Whole

PACKAGES = ()


class Shift(Block):
    """A shift along the first axis."""

    voxels: Whole = 1


def register(fixed_path: Path, _moving_path: Path, output: Path, settings: Shift) -> None:
    """Write a transform that shifts by some voxels."""
    import numpy as np

    from ganreg import io
    from ganreg.spatial import transform_file

    fixed = io.load(fixed_path)
    displacement = np.zeros((3, *fixed.shape), np.float32)
    displacement[0] = settings.voxels
    transform_file.write_transform(output, displacement, fixed.affine)
'''


def add_shift(project):
    """Add the tool and its line of `TOOLS`."""
    project.write("workflow/ganreg/tools/shift.py", TOOL)
    project.insert(METHODS, "\n\nREFINED =", "\nfrom ganreg.tools.shift import Shift")
    project.insert(METHODS, "TOOLS = [", 'SHIFT = Tool("shift", "ganreg.tools.shift", Shift, "imaging")\n')
    edit(project.folder, METHODS, "TOOLS = [INITIAL, ", "TOOLS = [INITIAL, SHIFT, ")


def test_a_classical_method_takes_two_files(project):
    add_shift(project)
    place = '        ("convexadam_mind", "ConvexAdam (MIND)"'
    project.insert(METHODS, place, '        ("shift_whole", "Shift", "a shift by whole voxels", SHIFT, Shift()),\n')
    project.write_configuration()
    assert project.touched() == [METHODS, "workflow/ganreg/tools/shift.py"]
    assert "shift_whole:\n  voxels: 1" in (project.folder / "config" / "tools.yaml").read_text()

    overlay = {"registration": {"methods": ["initial", "shift_whole"], "reference_method": "initial"}}
    overlay |= {"robustness": {"methods": []}, "uncertainty": {"method": None}, "shift_whole": {"voxels": 2}}
    target = f"{RESULTS}/metrics/methods/shift_whole_structures.csv"
    project.run(overlay, target)
    shifted = pd.read_csv(project.folder / target)["dice"].mean()
    start = pd.read_csv(project.folder / RESULTS / "metrics/methods/initial_structures.csv")["dice"].mean()
    assert shifted < start - 0.1


def test_another_tool_makes_nothing_anew(project):
    add_shift(project)
    rules = planned(project.folder)
    # figures read the methods' names, and the graph has one rule more
    assert "plot_rulegraph" in rules
    assert not {rule for rule in rules if not rule.startswith("plot_")}, rules


def test_an_arm_of_the_networks_takes_one_file(project):
    place = "# (arm, what it is compared with"
    arm = 'ARMS.append(Arm("warped_classic", "warped + classic", "both", samples="warped", classic=True))\n\n'
    project.insert(METHODS, place, arm)
    assert project.touched() == [METHODS]
    overlay = {"registration": {"methods": ["initial", "unet_warped_classic"], "reference_method": "initial"}}
    overlay |= {"robustness": {"methods": []}, "uncertainty": {"method": None}}
    target = f"{RESULTS}/models/fold1/unet_warped_classic.json"
    project.run(overlay, target)
    text = (project.folder / target).read_text()
    assert json.loads(text)["options"]["recipe"]["augmentation"] is not None
    assert "synthesize/fold1/warped" in text


def test_a_metric_of_the_long_table_takes_one_file(project):
    metrics = "workflow/ganreg/evaluate/metrics.py"
    function = '''def volume_ratio(first, second, indices, _spacing):
    """Volume of a structure in the second map over that in the first."""
    return np.array([(second == index).sum() / max(1, (first == index).sum()) for index in indices])


'''
    project.insert(metrics, "StructureMeasure = ", function)
    edit(project.folder, metrics, '"hd95_mm": hd95}', '"hd95_mm": hd95, "volume_ratio": volume_ratio}')
    assert project.touched() == [metrics]
    assert not {rule for rule in planned(project.folder) if rule.startswith(("train_", "register_", "sample_"))}
    target = f"{RESULTS}/metrics/structures.csv"
    project.run({"registration": {"methods": ["initial", "unet_proposed"]}, "robustness": {"methods": []}}, target)
    ratio = pd.read_csv(project.folder / target)["volume_ratio"]
    assert ratio.median() == pytest.approx(1, abs=0.3)


def test_a_figure_takes_three_files(project):
    script = '''"""Draw the start's Dice."""

import pandas as pd

from ganreg import cli
from ganreg.report import style
from ganreg.report.settings import Style
from ganreg.settings import Block


class Options(Block):
    """How it is drawn."""

    plot: Style


def main(argv=None):
    args = cli.add_paths(cli.parser(__doc__, Options), "table", "output").parse_args(argv)
    table = pd.read_csv(args.table)
    with style.figure(args.options.plot, args.output, table) as (_, axes):
        axes[0][0].bar(range(len(table)), table["dice_mean"])


if __name__ == "__main__":
    cli.run(main)
'''
    project.write("workflow/scripts/plot_bars.py", script)
    project.write("workflow/report/bars.rst", "Dice of every method.\n")
    line = '    "fig99_bars": Figure("plot_bars", {"table": "<results>/tables/table1.csv"}, {"plot": STYLE}),\n'
    edit(project.folder, "workflow/rules/drawings.smk", "FIGURES = {\n", "FIGURES = {\n" + line)
    files = ["workflow/report/bars.rst", "workflow/rules/drawings.smk", "workflow/scripts/plot_bars.py"]
    assert project.touched() == files
    assert planned(project.folder) == {"plot_bars", "plot_rulegraph"}
    project.run({}, f"{RESULTS}/figures/fig99_bars.png")


def test_a_similarity_term_takes_one_file(project):
    similarity = "workflow/ganreg/register/similarity.py"
    function = '''def mean_absolute(fixed: torch.Tensor, mask: torch.Tensor) -> Loss:
    """Mean absolute difference inside the mask."""
    return lambda warped: ((warped - fixed).abs() * mask).sum() / mask.sum()


'''
    edit(project.folder, similarity, '"ncc", "mse")', '"ncc", "mse", "mae")')
    project.insert(similarity, "TERMS = {", function)
    project.insert(similarity, '    "mse": mean_squares', '    "mae": mean_absolute,\n')
    assert project.touched() == [similarity]
    overlay = {"registration": {"methods": ["initial", "voxelmorph1"], "reference_method": "initial"}}
    overlay |= {"robustness": {"methods": []}, "voxelmorph1": {"similarity": "mae", "steps": 2, "validate_every": 2}}
    project.run(overlay, f"{RESULTS}/models/fold1/voxelmorph1.json")
    history = pd.read_json(project.folder / RESULTS / "models/fold1/voxelmorph1_history.jsonl", lines=True)
    assert history["validation_loss"].between(0, 10).all()
