"""What a newcomer would add, from outside and tiny: it works, and touches no more files than CONTRIBUTING.md says."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT, SMOKE, planned, snakemake
from rerun import SOURCES, copy_finished

from ganreg.configuration import writing

RESULTS = "results/smoke"


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


def test_a_classical_method_takes_four_files_at_most(project):
    methods = "workflow/ganreg/register/methods.py"
    project.write("workflow/ganreg/tools/shift.py", TOOL)
    project.insert(methods, "\n\nREFINED =", "\nfrom ganreg.tools.shift import Shift")
    project.insert(methods, "\nTOOLS = [", 'SHIFT = Tool("shift", "ganreg.tools.shift", Shift, "imaging")')
    content = (project.folder / methods).read_text()
    project.write(methods, content.replace("TOOLS = [INITIAL, ", "TOOLS = [INITIAL, SHIFT, "))
    place = '        ("convexadam_mind", "ConvexAdam (MIND)"'
    project.insert(methods, place, '        ("shift_whole", "Shift", "a shift by whole voxels", SHIFT, Shift()),\n')
    project.write_configuration()
    assert len(project.touched()) <= 4, project.touched()
    assert "shift_whole:\n  voxels: 1" in (project.folder / "config" / "tools.yaml").read_text()

    overlay = {"registration": {"methods": ["initial", "shift_whole"], "reference_method": "initial"}}
    overlay |= {"robustness": {"methods": []}, "uncertainty": {"method": None}, "shift_whole": {"voxels": 2}}
    target = f"{RESULTS}/metrics/methods/shift_whole_structures.csv"
    project.run(overlay, target)
    shifted = pd.read_csv(project.folder / target)["dice"].mean()
    start = pd.read_csv(project.folder / RESULTS / "metrics/methods/initial_structures.csv")["dice"].mean()
    assert shifted < start - 0.1


def test_another_tool_makes_nothing_anew(project):
    project.write("workflow/ganreg/tools/shift.py", TOOL)
    methods = "workflow/ganreg/register/methods.py"
    project.insert(methods, "\n\nREFINED =", "\nfrom ganreg.tools.shift import Shift")
    project.insert(methods, "\nTOOLS = [", 'SHIFT = Tool("shift", "ganreg.tools.shift", Shift, "imaging")')
    content = (project.folder / methods).read_text()
    project.write(methods, content.replace("TOOLS = [INITIAL, ", "TOOLS = [INITIAL, SHIFT, "))
    rules = planned(project.folder)
    # figures read the methods' names, and the graph has one rule more
    assert not {rule for rule in rules if not rule.startswith("plot_")}, rules


def test_an_arm_of_the_networks_takes_two_files_at_most(project):
    place = "# (arm, arm that lacks one thing)"
    arm = 'ARMS.append(Arm("warped_classic", "warped + classic", "both", samples="warped", classic=True))\n\n'
    project.insert("workflow/ganreg/register/methods.py", place, arm)
    assert len(project.touched()) <= 2, project.touched()
    overlay = {"registration": {"methods": ["initial", "unet_warped_classic"], "reference_method": "initial"}}
    overlay |= {"robustness": {"methods": []}, "uncertainty": {"method": None}}
    target = f"{RESULTS}/models/fold1/unet_warped_classic.json"
    project.run(overlay, target)
    assert '"classic"' not in (project.folder / target).read_text().split('"opened"')[0]
    assert "synthesize/fold1/warped" in (project.folder / target).read_text()


def test_a_metric_of_the_long_table_takes_two_files_at_most(project):
    metrics = "workflow/ganreg/evaluate/metrics.py"
    function = '''def volume_ratio(first, second, indices, _spacing):
    """Volume of a structure in the second map over that in the first."""
    return np.array([(second == index).sum() / max(1, (first == index).sum()) for index in indices])


'''
    project.insert(metrics, "StructureMeasure = ", function)
    content = (project.folder / metrics).read_text()
    project.write(metrics, content.replace('"hd95_mm": hd95}', '"hd95_mm": hd95, "volume_ratio": volume_ratio}'))
    assert len(project.touched()) <= 2, project.touched()
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
    """The look."""

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
    line = 'FIGURES["fig99_bars"] = Figure("plot_bars", {"table": "<results>/tables/table1.csv"}, {"plot": STYLE})\n'
    drawings = Path("workflow/rules/drawings.smk")
    project.write(drawings, (project.folder / drawings).read_text() + line)
    assert len(project.touched()) <= 3, project.touched()
    assert planned(project.folder) == {"plot_bars", "plot_rulegraph"}
    project.run({}, f"{RESULTS}/figures/fig99_bars.png")


def test_a_similarity_term_takes_one_file(project):
    similarity = "workflow/ganreg/register/similarity.py"
    content = (project.folder / similarity).read_text()
    content = content.replace('"ncc", "mse")', '"ncc", "mse", "mae")').replace(
        "mean_squares),\n", "mean_squares, mean_absolute),\n"
    )
    function = '''def mean_absolute(fixed: torch.Tensor, mask: torch.Tensor) -> Loss:
    """Mean absolute difference inside the mask."""
    return lambda warped: ((warped - fixed).abs() * mask).sum() / mask.sum()


'''
    project.write(similarity, content.replace("# in the order of `NAMES`", function + "# in the order of `NAMES`"))
    assert project.touched() == [similarity]
    overlay = {"registration": {"methods": ["initial", "voxelmorph1"], "reference_method": "initial"}}
    overlay |= {"robustness": {"methods": []}, "voxelmorph1": {"similarity": "mae", "steps": 2, "validate_every": 2}}
    project.run(overlay, f"{RESULTS}/models/fold1/voxelmorph1.json")
    history = pd.read_json(project.folder / RESULTS / "models/fold1/voxelmorph1_history.jsonl", lines=True)
    assert history["validation_loss"].between(0, 10).all()
