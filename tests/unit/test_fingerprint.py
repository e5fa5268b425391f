"""Fingerprints: what a script does counts, and the tools that it uses; words, and what others use, do not."""

import made_project
import pytest
from made_project import digest, edit


@pytest.fixture
def project(tmp_path):
    return made_project.write(tmp_path)


COUNTS = {
    "a script's own code": ("script.py", "LEAST = 3", "LEAST = 4"),
    "a function used by its module": ("ganreg/volumes/overlap.py", "first & second", "first | second"),
    "a function used by its name, through a package": ("ganreg/shapes/plane.py", "squared(side) +", "squared(side) -"),
    "a nested function": ("ganreg/shapes/plane.py", "value**power", "value*power"),
    "a constant as a default value": ("ganreg/shapes/plane.py", "SCALE = 2", "SCALE = 3"),
    "a text that is used": ("ganreg/shapes/plane.py", 'NAME = "plane"', 'NAME = "surface"'),
    "a decorator": ("ganreg/shapes/plane.py", "@functools.cache\n", ""),
    "a parameter's name": ("ganreg/shapes/plane.py", "power", "exponent"),
    "a comprehension": ("ganreg/shapes/plane.py", "range(3) if side", "range(3)"),
    "an import inside a function": ("ganreg/shapes/solid.py", "area(side) *", "area(side) +"),
    "which error is raised": ("ganreg/shapes/plane.py", "raise ValueError", "raise TypeError"),
    "when it is raised": ("ganreg/shapes/plane.py", "side < 0", "side < 1"),
    "a default value of a setting": ("ganreg/settings.py", "Field(3", "Field(4"),
    "the type of a setting": ("ganreg/settings.py", "steps: int", "steps: float"),
    "an attribute of a class": ("ganreg/settings.py", 'kind = "plain"', 'kind = "fancy"'),
    "a method": ("ganreg/settings.py", "value * self.steps", "value + self.steps"),
    "an assignment to a key": ("ganreg/registry.py", 'SIZES["small"] = 1', 'SIZES["small"] = 2'),
    "a loop of a module that is imported": ("ganreg/registry.py", "[1, 2]", "[1, 2, 3]"),
    "an augmented assignment": ("ganreg/registry.py", "KNOWN += [3]", "KNOWN += [4]"),
    "what a decorator of the project registers": ("ganreg/registry.py", "return 1", "return 2"),
    "a statement that prints into a file": ("script.py", '"begins"', '"begins", file=LEAST'),
    "whether the script exits with an error": ("ganreg/cli.py", 'sys.exit(f"error: {error}")', "sys.exit()"),
    "the version of a module that is used": ("env.yaml", "numpy=2.0", "numpy=2.1"),
    "the version of one that a function imports": ("env.yaml", "pytorch=2.1", "pytorch=2.2"),
}

COUNTS_NOT = {
    "a comment": ("script.py", "LEAST = 3", "LEAST = 3  # or more"),
    "formatting": ("script.py", "LEAST = 3", "LEAST = (3)"),
    "a module's docstring": ("script.py", "Says what", "Tells what"),
    "a function's docstring": ("ganreg/cli.py", "'''Runs.'''", "'''Runs all.'''"),
    "a class's docstring": ("ganreg/settings.py", "'''Options.'''", ""),
    "a field's docstring": ("ganreg/settings.py", "'''Steps.'''", "'''Steps of Adam.'''"),
    "a field's description": ("ganreg/settings.py", "Of Adam.", "Of the optimizer."),
    "a function's annotations": ("ganreg/settings.py", ") -> int:", ") -> float:"),
    "an annotation of a local variable": ("ganreg/cli.py", "total = ", "total: int = "),
    "an annotation of a module's variable": ("ganreg/shapes/plane.py", "SCALE = 2", "SCALE: int = 2"),
    "an import for type checkers": ("ganreg/settings.py", "import Unused", "import Unused as Other"),
    "the words of an error": ("ganreg/shapes/plane.py", "expected mm", "expected millimeters"),
    "a variable in them": ("ganreg/shapes/plane.py", 'UNIT = "mm"', 'UNIT = "cm"'),
    "words that were put into a variable": ("ganreg/cli.py", 'f"expected {total}"', '"expected " + str(total)'),
    "words that were added to it": ("ganreg/cli.py", '", found none"', '", found nothing"'),
    "the words of an exit": ("ganreg/cli.py", "error: {error}", "wrong: {error}"),
    "whether an error quotes another": ("ganreg/cli.py", "raise InputError(message)", "raise InputError() from None"),
    "what is printed": ("script.py", 'print("begins")', "print('starts', main)"),
    "whether it is printed": ("script.py", 'print("begins")', "pass"),
    "the names of local variables": ("ganreg/cli.py", "total", "result"),
    "the names of loop variables": ("ganreg/cli.py", "each", "one"),
    "the names of nested functions": ("ganreg/shapes/plane.py", "squared", "powered"),
    "the names in comprehensions": ("ganreg/shapes/plane.py", "x for x in", "y for y in"),
    "the name of an exception": ("ganreg/cli.py", "error:", "found:"),
    "an alias of a module": ("script.py", "overlap as o", "overlap as o\nfrom ganreg.volumes import overlap"),
    "how a name is imported": ("script.py", "from numpy import zeros", "import numpy\nfrom numpy import zeros"),
    "a function that is not used": ("ganreg/volumes/overlap.py", "nibabel.load(first)", "nibabel.load(second)"),
    "a new function": ("ganreg/volumes/overlap.py", "def hd95", "def hd99():\n    pass\n\n\ndef hd95"),
    "an import that is not used": ("ganreg/volumes/overlap.py", "import nibabel", "import nibabel\nimport torch"),
    "the order of definitions": ("ganreg/cli.py", "def other():\n    return run\n", ""),
    "a module that is not imported": ("ganreg/unused.py", "pass", "x = 1"),
    "the version of a module that is not used": ("env.yaml", "nibabel=5", "nibabel=6"),
    "nor that of one which is used elsewhere": ("env.yaml", "scipy=1.1", "scipy=1.2"),
}


@pytest.mark.parametrize("change", COUNTS.values(), ids=COUNTS)
def test_what_counts(project, change):
    before = digest(project)
    edit(project, *change)
    assert digest(project) != before


@pytest.mark.parametrize("change", COUNTS_NOT.values(), ids=COUNTS_NOT)
def test_what_does_not_count(project, change):
    before = digest(project)
    edit(project, *change)
    assert digest(project) == before
