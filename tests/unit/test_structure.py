"""The house: imports point one way, nothing is too long, functions say their types, words are the field's own."""

import ast
import re

import pytest
from conftest import ROOT

PACKAGE = ROOT / "workflow" / "ganreg"
# from the ground up; an import never points to a later one
ROOMS = [
    "errors words syntax fingerprint settings",
    *("io manifest", "progress resume", "spatial", "volumes", "learn", "tools", "simulate", "get", "preprocess"),
    *("split", "segment", "synthesize", "register", "evaluate", "interface", "report", "configuration", "cli"),
]
LEVEL = {room: level for level, names in enumerate(ROOMS) for room in names.split()}
MODULES = sorted(PACKAGE.rglob("*.py"))
PYTHON = sorted(
    path
    for name in ("workflow", "tests", "benchmarks")
    for path in (ROOT / name).rglob("*.py")
    if ".venv" not in path.parts
)
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
# private words of ours, and words that the field has another one for; British forms of what is spelled the American way
BANNED = r"judge|judged|critic|stranger|strangers|sized|carried|looks at the pair|grey|colour|colours|centre|neighbour|"
BANNED += r"neighbours|normalise|normalised|optimiser|optimisers|optimise|optimised|behaviour|labelled|initialise|metre"
BANNED += r"|metres|millimetres|organise|recognise|recognised|summarise|favour|modelling|analyse"


def text_of(path):
    return path.read_text(encoding="utf-8")


def room(path):
    """The room of a module: the package or file right under ganreg; the package itself is above all."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Rooms that a module imports from."""
    for node in ast.walk(ast.parse(text_of(path))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("ganreg."))


def test_every_room_has_its_place():
    assert {room(path) for path in MODULES} - {"__init__"} == {*LEVEL}


def test_imports_between_rooms_never_point_up():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path in MODULES
        if room(path) != "__init__"
        for other in imported_rooms(path)
        if other != room(path) and LEVEL[other] > LEVEL[room(path)]
    ]
    assert wrong == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_and_no_function_is_too_long(path):
    text = text_of(path)
    assert len(text.splitlines()) <= 300
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert [each.name for each in functions if each.end_lineno - each.lineno + 1 > 60] == []


def test_rules_are_short():
    lines = {path.name: len(text_of(path).splitlines()) for path in RULES}
    assert max(lines.values()) <= 350
    assert sum(lines.values()) <= 2506


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_functions_have_type_hints(path):
    def untyped(node, inside=""):
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                yield from untyped(each, f"{each.name}.")
            elif isinstance(each, ast.FunctionDef) and (
                not each.name.startswith("_") or each.name in ("__init__", "__call__")
            ):
                arguments = [
                    *each.args.posonlyargs,
                    *each.args.args,
                    *each.args.kwonlyargs,
                    each.args.vararg,
                    each.args.kwarg,
                ]
                named = [argument for argument in arguments if argument and argument.arg not in ("self", "cls", "ctx")]
                if any(argument.annotation is None for argument in named) or (each.returns is None):
                    yield inside + each.name

    assert list(untyped(ast.parse(text_of(path)))) == []


def test_argument_parsers_are_the_command_lines_alone():
    assert [path.name for path in MODULES if re.search(r"import argparse|argv\b", text_of(path))] == ["cli.py"]


def test_the_package_knows_nothing_of_the_workflow():
    own = {"cli.py", "configuration"}
    for path in MODULES:
        if own & {*path.relative_to(PACKAGE).parts}:
            continue
        assert not re.search(
            r"`make |\bmake (data|setup|config)\b|\bconfig: |snakemake\.|import snakemake",
            text_of(path),
        ), path


@pytest.mark.parametrize(
    "path",
    [
        *PYTHON,
        *RULES,
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "Makefile",
        *(ROOT / "config").glob("*"),
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_words_are_the_fields_own_and_spelled_one_way(path):
    if path.name == "test_structure.py":
        return
    found = re.findall(rf"\b({BANNED})\b", text_of(path), re.IGNORECASE)
    assert found == []
