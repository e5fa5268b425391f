"""A syntax tree without what only readers see: no result depends on it."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganreg.errors import InputError

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# what holds names of its own, or none at all
_CLOSED = {*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef, ast.Lambda, ast.Name, ast.Constant}
# keyword arguments that are texts for readers, by the function that takes them
TEXTS = {"Field": "description", "add_argument": "help"}


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of the scopes inside it."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if type(node) not in _CLOSED:
            waiting += ast.iter_child_nodes(node)
        elif isinstance(node, COMPREHENSIONS):
            # an assignment expression in a comprehension binds a name around it
            waiting += [each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]


def without(tree: ast.Module, path: Path) -> ast.Module:
    """Drop from a tree, in place, docstrings, annotations of functions, and the words of errors and of printed lines.

    Parameters
    ----------
    tree : ast.Module
    path : Path of its file, for errors

    Raises
    ------
    InputError
        If it has a relative import, or imports all names of a module: what is used could not be followed.
    """
    _Readers(path).visit(tree)
    return tree


class _Readers(ast.NodeTransformer):
    """Drops what is for readers alone."""

    def __init__(self, path: Path) -> None:
        self.path, self.in_class = path, False

    def _inside(self, node: ast.AST, in_class: bool) -> None:
        outer, self.in_class = self.in_class, in_class
        self.generic_visit(node)
        self.in_class = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        self._inside(node, in_class=False)
        _drop_unread_texts(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        self._inside(node, in_class=False)
        _drop_unread_texts(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._inside(node, in_class=True)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Annotations of a class make fields (dataclasses, pydantic), also as texts; others do nothing."""
        if self.in_class and isinstance(node.annotation, ast.Constant) and isinstance(node.annotation.value, str):
            node.annotation = ast.parse(node.annotation.value, mode="eval").body
        self.generic_visit(node)
        if self.in_class:
            return node
        return ast.Assign([node.target], node.value) if node.value else None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Docstrings and other constants do nothing; printed lines are for readers unless they go to a file."""
        if isinstance(node.value, ast.Constant) or _prints(node.value):
            return None
        return self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        node.cause = None
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """The name of an exception that is only put into words is no name."""
        self.generic_visit(node)
        if node.name and node.name not in _read(node, set()):
            node.name = None
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if called in TEXTS:
            node.keywords = [each for each in node.keywords if each.arg != TEXTS[called]]
        if called == "exit" and node.args and _is_text(node.args[0]):
            node.args = [ast.Constant("")]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """What is imported for type checkers alone is not there when the code runs."""
        self.generic_visit(node)
        name = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", None)
        return node.orelse if name == "TYPE_CHECKING" else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        found = f"{'.' * node.level}{node.module or ''}"
        if node.level:
            raise InputError(f"{self.path}, line {node.lineno}: expected an absolute import, found one from {found}")
        if node.names[0].name == "*":
            raise InputError(f"{self.path}, line {node.lineno}: expected imports of names, found * from {found}")
        return node


def _prints(value: ast.expr) -> bool:
    """Whether an expression is a call of `print` to the terminal."""
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"):
        return False
    streams = [each.value for each in value.keywords if each.arg == "file"]
    return all(isinstance(each, ast.Attribute) and each.attr in ("stdout", "stderr") for each in streams)


def _is_text(value: ast.expr) -> bool:
    """Whether an expression is a text, as far as its form tells."""
    match value:
        case ast.Constant():
            return isinstance(value.value, str)
        case ast.JoinedStr():
            return True
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return _is_text(left) or _is_text(right)
        case ast.IfExp(body=first, orelse=second):
            return _is_text(first) and _is_text(second)
        case ast.Call(func=ast.Attribute(value=of, attr="join" | "format")):
            return _is_text(of)
    return False


def _text_of(node: ast.AST) -> str | None:
    """The variable that a statement gives a text, or adds one to; None for other statements."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AugAssign(ast.Name(id=name), value=value):
            return name if _is_text(value) else None
    return None


def _read(node: ast.AST, left_out: set[ast.AST]) -> set[str]:
    """Names that are read in a node, or declared as another scope's; some statements are left out."""
    names, waiting = set(), [node]
    while waiting:
        each = waiting.pop()
        if each in left_out:
            continue
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Store):
            names.add(each.id)
        elif isinstance(each, ast.Global | ast.Nonlocal):
            names |= set(each.names)
        waiting += ast.iter_child_nodes(each)
    return names


def _drop_unread_texts(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Drop the variables that hold a text which nothing reads, now that errors and printed lines have no words."""
    texts = {node: name for node in own_nodes(function.body) if (name := _text_of(node)) is not None}
    unread: set[ast.AST] = set(texts)
    # a text that is read by no more than another unread text is unread, too
    while unread and (found := _read(function, unread) & {texts[node] for node in unread}):
        unread = {node for node in unread if texts[node] not in found}
    for node in ast.walk(function) if unread else ():
        for field in ("body", "orelse", "finalbody"):
            if isinstance(block := getattr(node, field, None), list):
                setattr(node, field, [each for each in block if each not in unread])
