"""The re-run contract for code: what one changed line plans on a finished run, exactly."""

import re

import pytest
from conftest import SMOKE, planned
from rerun import (
    AFTER_COHORT,
    AFTER_SYN,
    EVALUATION,
    EXTERNAL,
    MADE_EXTERNAL,
    MEASURED_EXTERNAL,
    MEASURED_ROBUSTNESS,
    QUALITY,
    ROBUSTNESS,
    TRAINED_BY_THE_LOOP,
    UNET,
    copy_finished,
    edit,
)

from ganreg.configuration.loading import FILES


@pytest.fixture
def project(finished, tmp_path):
    """The finished run, with its own configuration, scripts, package and results to change."""
    return copy_finished(finished, tmp_path)


CHANGED_LOGIC = {
    "ganreg/tools/ants.py": ("SEED = 1", "SEED = 2", AFTER_SYN),
    # the cohort is made by warping, preprocessing and the template are not
    "ganreg/spatial/warp.py": (
        "MOST_PARTS = 8",
        "MOST_PARTS = 4",
        AFTER_COHORT | MADE_EXTERNAL | EXTERNAL | {"plot_unet"},
    ),
    "ganreg/spatial/deform.py": (
        'order=3, mode="constant"',
        'order=2, mode="constant"',
        # the warped samples, and turned copies, are images; what the GANs learn from is not deformed by it
        {"sample_warped"} | QUALITY | UNET | EVALUATION | ROBUSTNESS,
    ),
    # no part of any training or registration
    "ganreg/spatial/jacobian.py": (
        "(2, 3, 4)]\n    elif",
        "(4, 3, 2)]\n    elif",
        EVALUATION | MEASURED_ROBUSTNESS | MEASURED_EXTERNAL,
    ),
    # a word to the user, a figure's helper, one measure, the training loop
    "ganreg/io.py": ("expected an image, found the constant", "expected contrast, found the constant", set()),
    "ganreg/report/slices.py": ("tiles: int = 8", "tiles: int = 6", {"plot_registration"}),
    "ganreg/evaluate/metrics.py": (
        "np.percentile(there, 95)",
        "np.percentile(there, 96)",
        EVALUATION | MEASURED_ROBUSTNESS | MEASURED_EXTERNAL,
    ),
    "ganreg/learn/training.py": ("steps // 20", "steps // 10", TRAINED_BY_THE_LOOP),
    "scripts/plot_tables.py": ('"Dice",', '"Overlap",', {"plot_tables"}),
}


@pytest.mark.parametrize("name", CHANGED_LOGIC)
def test_logic_plans_those_who_import_it_and_what_follows(project, name):
    old, new, expected = CHANGED_LOGIC[name]
    edit(project, f"workflow/{name}", old, new)
    assert planned(project) == expected


def test_words_anywhere_plan_nothing(project):
    workflow = project / "workflow"
    for path in sorted([*workflow.rglob("*.py"), *workflow.glob("rules/*.smk"), project / "Snakefile"]):
        text = path.read_text()
        # a docstring of a module, function or rule, and a comment
        path.write_text(re.sub(r'^( *)"""(\w)', r'\1"""More words. \2', text, flags=re.MULTILINE) + "\n# a comment\n")
    for path in (*(project / name for name in FILES), project / SMOKE, *(project / "envs").glob("*.yaml")):
        path.write_text("# a comment\n" + path.read_text())
    edit(project, "workflow/ganreg/register/settings.py", "Steps of Adam.", "How many steps Adam takes.")
    assert planned(project) == set()


def test_rewording_every_error_of_a_module_plans_nothing(project):
    path = project / "workflow" / "ganreg" / "io.py"
    text = path.read_text()
    reworded = re.sub(r'InputError\((\s*)f"', r'InputError(\1f"Please note: ', text)
    assert reworded.count("Please note") >= 10
    path.write_text(reworded)
    assert planned(project) == set()
