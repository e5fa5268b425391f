"""Fingerprints: how uses are followed, and what that means for the project itself."""

import ast
import re
import shutil
import time

import made_project
import pytest
from made_project import digest, edit

from ganreg import fingerprint, syntax
from ganreg.errors import InputError


@pytest.fixture
def project(tmp_path):
    return made_project.write(tmp_path)


def test_an_alias_is_its_module(project):
    before = digest(project)
    edit(project, "script.py", "overlap as o", "overlap")
    edit(project, "script.py", "o.dice", "overlap.dice")
    edit(project, "script.py", "from numpy import zeros", "import numpy as np")
    edit(project, "script.py", "zeros(", "np.zeros(")
    assert digest(project) == before


def test_definitions_may_change_places(project):
    before = digest(project)
    edit(project, "ganreg/shapes/plane.py", "SCALE = 2\n", "")
    edit(project, "ganreg/shapes/plane.py", 'UNIT = "mm"\n', 'UNIT = "mm"\nSCALE = 2\n')
    assert digest(project) == before


def test_local_variables_that_change_places_count(project):
    edit(project, "ganreg/volumes/overlap.py", "    return (first", "    a, b = 1, 2\n    return a - b + (first")
    before = digest(project)
    edit(project, "ganreg/volumes/overlap.py", "a - b", "b - a")
    assert digest(project) != before


def test_a_variable_of_a_function_hides_the_modules(project):
    edit(project, "ganreg/volumes/overlap.py", "    return (first", "    hd95 = 1\n    return hd95 * (first")
    assert "ganreg.volumes.overlap.hd95" not in fingerprint.definitions(project / "script.py", project)


def test_a_class_body_does_not_hide_the_modules_names_from_its_methods(project):
    method = "\n\nclass Pair:\n    hd95 = 1\n\n    def far(self):\n        return hd95(1, 2)\n"
    edit(project, "ganreg/volumes/overlap.py", "def dice", f"{method}\n\ndef dice")
    used = fingerprint.definitions(project / "script.py", project, "ganreg.volumes.overlap.Pair")
    assert "ganreg.volumes.overlap.hd95" in used


def test_an_attribute_of_a_class_is_not_the_module_that_is_called_so(project):
    field = "\n\nclass Options:\n    overlap: int = overlap.LEAST\n    dice = 1\n"
    edit(project, "ganreg/cli.py", "import sys", "import sys\n\nfrom ganreg.volumes import overlap")
    edit(project, "ganreg/cli.py", "\n\ndef other", f"{field}\n\ndef other")
    edit(project, "ganreg/volumes/overlap.py", "import nibabel", "import nibabel\n\nLEAST = 1")
    used = fingerprint.definitions(project / "script.py", project, "ganreg.cli.Options")
    assert "ganreg.volumes.overlap.LEAST" in used
    assert "ganreg.volumes.overlap.hd95" not in used


def test_a_text_that_something_else_reads_counts(project):
    edit(project, "ganreg/cli.py", "return total", "return message")
    before = digest(project)
    edit(project, "ganreg/cli.py", ", found none", ", found nothing")
    assert digest(project) != before


@pytest.mark.parametrize("use", ["getattr(o, 'dice')", "[o]", "o.__dict__"])
def test_a_module_that_is_used_as_a_value_counts_as_a_whole(project, use):
    edit(project, "script.py", "o.dice", use)
    before = digest(project)
    edit(project, "ganreg/volumes/overlap.py", "nibabel.load(first)", "nibabel.load(second)")
    assert digest(project) != before


def test_a_module_that_looks_up_its_names_by_text_counts_as_a_whole(project):
    edit(project, "ganreg/volumes/overlap.py", "first & second", "globals()['hd' + '95'](first & second)")
    assert "ganreg.volumes.overlap.hd95" in fingerprint.definitions(project / "script.py", project)


def test_an_annotation_that_is_a_text_is_followed(project):
    edit(project, "ganreg/settings.py", "steps: int", "steps: 'Count'")
    edit(project, "ganreg/settings.py", "@dataclass", "Count = int\n\n\n@dataclass")
    assert "ganreg.settings.Count" in fingerprint.definitions(project / "script.py", project)


def test_what_is_used_and_what_is_imported(project):
    used = fingerprint.definitions(project / "script.py", project)
    assert {"ganreg.shapes.plane.area", "ganreg.shapes.plane.SCALE", "ganreg.shapes.solid.volume"} <= used
    assert not {"ganreg.shapes.plane.UNIT", "ganreg.volumes.overlap.hd95", "ganreg.cli.other"} & used
    files, modules = fingerprint.imports(project / "script.py", project)
    names = {path.relative_to(project).as_posix() for path in files}
    assert names == made_project.FILES.keys() - {"ganreg/unused.py", "env.yaml"}
    assert modules == {"nibabel", "numpy", "pydantic", "scipy", "torch"}


def test_an_import_inside_a_function_that_is_not_used_is_not_followed(project):
    edit(project, "ganreg/volumes/overlap.py", "    return nibabel", "    import ganreg.unused\n    return nibabel")
    files, _ = fingerprint.imports(project / "script.py", project)
    assert project / "ganreg" / "unused.py" not in files


def test_a_definition_that_the_script_does_not_name_may_be_added(project):
    extra = "ganreg.volumes.overlap.hd95"
    before = digest(project, extra)
    assert before != digest(project)
    edit(project, "env.yaml", "nibabel=5", "nibabel=6")
    assert digest(project, extra) != before
    with pytest.raises(InputError, match=r"expected a definition ganreg\.volumes\.overlap\.hd96, .* found none"):
        digest(project, "ganreg.volumes.overlap.hd96")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from . import unused", "line 1: expected an absolute import, found one from ."),
        ("from .volumes import overlap", "line 1: expected an absolute import, found one from .volumes"),
        ("from ganreg.unused import *", "line 1: expected imports of names, found * from ganreg.unused"),
        (
            "import ganreg.missing\nganreg.missing.f()",
            "expected a definition ganreg.missing, which it needs, found none",
        ),
        ("from ganreg.volumes.overlap import iou\niou()", "expected a definition ganreg.volumes.overlap.iou, which"),
        ("from ganreg.missing import f\nf()", "expected a module ganreg.missing, which it needs, found none"),
    ],
)
def test_imports_that_cannot_be_followed_are_refused(project, line, expected):
    path = project / "ganreg" / "cli.py"
    path.write_text(f"{line}\n{path.read_text()}")
    with pytest.raises(InputError, match=re.escape(expected)):
        digest(project)


@pytest.fixture
def copy(root, tmp_path):
    """The project's own code, to be changed."""
    for name in ("ganreg", "scripts"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / "workflow" / name, tmp_path / name, ignore=ignore)
    (tmp_path / "env.yaml").write_text("dependencies:\n")
    return tmp_path


def all_digests(copy):
    return {
        path.stem: fingerprint.fingerprint(path, copy, copy / "env.yaml")
        for path in sorted((copy / "scripts").glob("*.py"))
    }


class Reworded(ast.NodeTransformer):
    """Other words in each error."""

    def __init__(self):
        self.count = 0

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call):
            node.exc.args = [ast.Constant("another text")]
            self.count += 1
        return node


def test_other_words_in_the_errors_of_io_change_no_script(copy):
    before = all_digests(copy)
    path = copy / "ganreg" / "io.py"
    reworded = Reworded()
    path.write_text(ast.unparse(reworded.visit(ast.parse(path.read_text()))))
    assert reworded.count > 5
    assert all_digests(copy) == before


def test_a_changed_distance_changes_the_evaluation_and_trains_nothing(copy):
    before = all_digests(copy)
    edit(copy, "ganreg/evaluate/metrics.py", "95", "96")
    changed = {name for name, value in all_digests(copy).items() if value != before[name]}
    assert "evaluate_pairs" in changed
    assert not {name for name in changed if name.startswith(("train_", "sample_", "register_", "segment_"))}


def test_versions_of_programs_that_are_called_count(root, tmp_path):
    script, env, digests = root / "workflow" / "scripts" / "register_tool.py", tmp_path / "env.yaml", []
    for version in ("1.5", "1.6"):
        env.write_text(f"dependencies:\n  - niftyreg={version}\n")
        tools = (f"ganreg.tools.{name}.register" for name in ("niftyreg", "ants"))
        digests.append([fingerprint.fingerprint(script, root / "workflow", env, tool) for tool in tools])
    assert digests[0][0] != digests[1][0]
    assert digests[0][1] == digests[1][1]


def test_each_program_belongs_to_a_definition_or_a_module_that_there_is(root):
    for name in fingerprint.TOOLS:
        module, _, definition = name.rpartition(".")
        path = root / "workflow" / module.replace(".", "/")
        whole = (path / f"{definition}.py").is_file()
        assert whole or f"def {definition}(" in path.with_suffix(".py").read_text()


def test_a_tool_is_imported_where_it_is_used_alone(root):
    script = root / "workflow" / "scripts" / "register_tool.py"
    _, modules = fingerprint.imports(script, root / "workflow", "ganreg.tools.greedy.register")
    assert "picsl_greedy" in modules
    assert not {"ants", "convexAdam", "torch", "ganreg", "os"} & modules


def test_all_scripts_take_a_moment(copy):
    syntax.parse.cache_clear()
    began = time.process_time()
    assert len(all_digests(copy)) > 50
    # a second on a machine of its own
    assert time.process_time() - began < 5
