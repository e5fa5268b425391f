"""What the statements of a Python file do, in a canonical text, and what each of them refers to.

The text is written from the syntax tree, so that comments and formatting are not in it. Left out, as no result depends
on it, is what only readers see: docstrings, the words of errors and of printed lines, descriptions of settings, and the
annotations of functions. A local variable is called by the order of its first appearance.
"""

import ast
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ganreg import words

# a module and names looked up in it, one in the other: ("ganreg.volumes.overlap", "dice")
Reference = tuple[str, ...]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
# functions by which code may reach any name of its module
BY_TEXT = {"globals", "eval", "exec"}
# fields of syntax trees that change nothing: a place tells whether a name is read or assigned
IGNORED = {"ctx", "kind", "type_comment"}


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement of a module."""

    names: tuple[str, ...]
    """What it defines, sorted; nothing for one that counts whenever its module is imported."""
    position: int
    text: str
    references: frozenset[Reference]
    loads: frozenset[str]
    """Modules, or names in them, that it imports when it runs."""
    decorators: frozenset[Reference]


@dataclass(frozen=True, eq=False)
class Module:
    """A module, by what its names stand for."""

    path: Path
    defined: dict[str, list[Statement]]
    """Name -> the statements that bind it."""
    imported: dict[str, list[Reference]]
    """Name -> what it is imported from: several where an import depends on something."""
    effects: list[Statement]
    """The statements that define nothing: they run whenever the module is imported."""
    loads: frozenset[str]


class _Scope:
    """The names of a function, a class or a comprehension."""

    def __init__(self, parent: "_Scope | None", bound: set[str], body: Iterable[ast.AST] = (), kind: str = "") -> None:
        self.parent, self.is_class, self.parameters = parent, kind == "class", bound if kind == "function" else set()
        self.imported, names, outer = _bindings(body)
        self.names = bound | (names | self.imported.keys()) - outer
        self.codes: dict[str, str] = {}

    def find(self, name: str) -> "_Scope | None":
        """The scope that a name belongs to; None: the module. What is inside a class does not see its names."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope
            scope = scope.parent
        return None


def _bindings(body: Iterable[ast.AST]) -> tuple[dict[str, list[Reference]], set[str], set[str]]:
    """What a scope imports, the other names that it binds, and those that it declares to be of a scope around it."""
    imported: dict[str, list[Reference]] = {}
    names: set[str | None] = set()
    outer: set[str] = set()
    for node in words.own_nodes(body):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
                names.add(name)
            case ast.MatchMapping(rest=name):
                names.add(name)
            case ast.Global() | ast.Nonlocal():
                outer |= set(node.names)
            case ast.Import() | ast.ImportFrom():
                for bound, target in _targets(node):
                    imported[bound] = sorted({*imported.get(bound, []), target})
    return imported, {name for name in names if name is not None}, outer


def _targets(node: ast.Import | ast.ImportFrom) -> list[tuple[str, Reference]]:
    """(name that an import binds, what it stands for)."""
    if isinstance(node, ast.ImportFrom):
        return [(alias.asname or alias.name, (node.module or "", alias.name)) for alias in node.names]
    # `import a.b` binds a, `import a.b as c` binds a.b
    return [
        (alias.asname, (alias.name,)) if alias.asname else (alias.name.split(".")[0], (alias.name.split(".")[0],))
        for alias in node.names
    ]


def _loads(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Dotted names of the modules that an import may load."""
    if isinstance(node, ast.ImportFrom):
        return {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {alias.name for alias in node.names}


class _Writer:
    """Writes one statement of a module, and gathers what it refers to on the way."""

    def __init__(self, module: str, imported: dict[str, list[Reference]], defined: set[str]) -> None:
        self.module, self.imported, self.defined = module, imported, defined
        self.references: set[Reference] = set()
        self.loads: set[str] = set()
        self.numbers = itertools.count()
        self.special: dict[type, Callable[[Any, _Scope | None], str]] = {
            ast.Name: self.variable,
            ast.Attribute: self.attribute,
            **dict.fromkeys((*words.FUNCTIONS, ast.Lambda), self.function),
            ast.ClassDef: self.class_,
            ast.Import: self.import_,
            ast.ImportFrom: self.import_,
            ast.Global: self.outer,
            ast.Nonlocal: self.outer,
            **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping), self.named),
            **dict.fromkeys(words.COMPREHENSIONS, self.comprehension),
        }

    def write(self, node: object, scope: "_Scope | None" = None) -> str:
        """Text of a node, or of a list of them."""
        if isinstance(node, list):
            return f"[{','.join(filter(None, (self.write(each, scope) for each in node)))}]"
        if not isinstance(node, ast.AST):
            return repr(node)
        if special := self.special.get(type(node)):
            return special(node, scope)
        return self.fields(node, scope)

    def fields(self, node: ast.AST, scope: "_Scope | None", **instead: str) -> str:
        """Text of a node by its fields, of which empty ones don't count; some are given `instead`."""
        parts = [type(node).__name__]
        for name, value in ast.iter_fields(node):
            if name in instead:
                parts.append(f"{name}={instead[name]}")
            elif name not in IGNORED and value is not None and value != []:
                parts.append(f"{name}={self.write(value, scope)}")
        return f"{parts[0]}({','.join(parts[1:])})"

    def variable(self, node: ast.Name, scope: "_Scope | None") -> str:
        """A name; one that a class binds is an attribute, whatever the module calls so."""
        if isinstance(node.ctx, ast.Store) and scope and scope.is_class and scope.find(node.id) is scope:
            return node.id
        return self.name(node.id, scope)

    def name(self, name: str, scope: "_Scope | None", attributes: Reference = ()) -> str:
        """A name as it is in the text: what it is imported from, a local variable's number, or itself."""
        owner = scope.find(name) if scope else None
        if owner is None or owner.is_class:
            # in a class's body, a name that it binds is the module's until then
            imported = self.imported.get(name, [])
            self.references |= {(self.module, name)} if name in self.defined else set()
            self.references |= {(self.module,)} if name in BY_TEXT else set()
        else:
            imported = owner.imported.get(name, [])
        self.references |= {(*target, *attributes) for target in imported}
        if imported:
            return "|".join(map(".".join, imported))
        if owner is None or owner.is_class or name in owner.parameters:
            return name
        if name not in owner.codes:
            owner.codes[name] = f"%{next(self.numbers)}"
        return owner.codes[name]

    def attribute(self, node: ast.Attribute, scope: "_Scope | None") -> str:
        """`a.b.c`, where `a` may be a module."""
        attributes: list[str] = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            attributes.insert(0, value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            return ".".join([self.name(value.id, scope, tuple(attributes)), *attributes])
        return ".".join([self.write(value, scope), *attributes])

    def function(self, node: Function | ast.Lambda, scope: "_Scope | None") -> str:
        """A function: its decorators and default values belong to the scope around it."""
        parameters = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        inner = _Scope(scope, parameters, body, "function")
        instead = {} if isinstance(node, ast.Lambda) else {"name": self.name(node.name, scope)}
        return self.fields(node, scope, **instead, body=self.write(body, inner))

    def class_(self, node: ast.ClassDef, scope: "_Scope | None") -> str:
        """A class: names of its body keep their names, which are attributes."""
        inner = _Scope(scope, set(), node.body, "class")
        return self.fields(node, scope, name=self.name(node.name, scope), body=self.write(node.body, inner))

    def comprehension(self, node: Comprehension, scope: "_Scope | None") -> str:
        """A comprehension: its first iterable belongs to the scope around it."""
        targets = [each for generator in node.generators for each in ast.walk(generator.target)]
        inner = _Scope(scope, {each.id for each in targets if isinstance(each, ast.Name)})
        first = node.generators[0]
        whole = self.fields(first, inner, iter=self.write(first.iter, scope))
        others = self.write(node.generators[1:], inner)
        return self.fields(node, inner, generators=f"{whole},{others}")

    def import_(self, node: ast.Import | ast.ImportFrom, scope: "_Scope | None") -> str:
        """Nothing: what is imported counts where it is used."""
        self.loads |= _loads(node)
        return ""

    def outer(self, node: ast.Global | ast.Nonlocal, scope: "_Scope | None") -> str:
        """Names that are declared to be of a scope around."""
        around = scope if isinstance(node, ast.Nonlocal) else None
        return f"{type(node).__name__}({','.join(self.name(name, around) for name in node.names)})"

    def named(self, node: ast.AST, scope: "_Scope | None") -> str:
        """A node that binds a name in a field of its own."""
        field = "rest" if isinstance(node, ast.MatchMapping) else "name"
        name = getattr(node, field)
        return self.fields(node, scope, **({field: self.name(name, scope)} if name else {}))


def _is_definition(node: ast.stmt) -> bool:
    """Whether all that a statement does is to bind names."""
    if isinstance(node, ast.Assign):
        plain = ast.Name | ast.Tuple | ast.List | ast.Starred | ast.expr_context
        return all(isinstance(each, plain) for target in node.targets for each in ast.walk(target))
    return isinstance(node, (*words.FUNCTIONS, ast.ClassDef))


@cache
def parse(name: str, path: Path, text: str) -> Module:
    """Parse a module.

    Parameters
    ----------
    name : str, dotted
    path : Path
    text : str, what the file holds

    Raises
    ------
    InputError
        If it has a relative import, or imports all names of a module.
    """
    body = words.without(ast.parse(text, filename=str(path)), path).body
    imported, names, _ = _bindings(body)
    defined: dict[str, list[Statement]] = {}
    effects, loads = [], set()
    for position, node in enumerate(body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            loads |= _loads(node)
            continue
        writer, decorators = _Writer(name, imported, names), _Writer(name, imported, names)
        decorators.write(getattr(node, "decorator_list", []))
        bound = sorted(_bindings([node])[1])
        statement = Statement(
            tuple(bound) if _is_definition(node) else (),
            position,
            writer.write(node),
            frozenset(writer.references),
            frozenset(writer.loads),
            frozenset(decorators.references),
        )
        for each in bound:
            defined.setdefault(each, []).append(statement)
        if not statement.names:
            effects.append(statement)
    return Module(path, defined, imported, effects, frozenset(loads))
