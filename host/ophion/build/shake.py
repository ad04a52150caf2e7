"""What nothing in a firmware can reach is left out of it.

`shake` keeps what the top level does, what the other frozen files name, and what that names in turn. What it
drops are functions, classes, methods, values without an effect, imports. A name counts whatever it is used
for, so that what is kept is rather too much. A method that MicroPython may call by itself stays
(`micropython_names.txt`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ophion.build.shorten import micropython_names

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_IMPORTS = ast.Import | ast.ImportFrom
# Calls whose only effect is their result.
_PURE = frozenset(
    ("array", "bytearray", "bytes", "const", "dict", "frozenset", "memoryview", "object", "tuple")
)
_PLAIN = (
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.BinOp,
    ast.UnaryOp,
)


@dataclass
class _Part:
    """What may be left out: the `names` that it defines, and the `words` that it uses."""

    names: set[str]
    words: set[str] = field(default_factory=set)
    live: bool = False


def shake(wholes: Mapping[str, str], others: Iterable[bytes]) -> dict[str, str]:
    """The linked modules `wholes` ({module: source}) without what neither they nor `others` can reach."""
    trees = {name: ast.parse(text) for name, text in wholes.items()}
    parts: dict[ast.AST, _Part] = {}
    words: set[str] = set()
    for text in others:
        words |= set(_words(ast.parse(text)))
    for tree in trees.values():
        words |= set(_survey(tree, parts))
    _mark(parts, words)
    for tree in trees.values():
        _drop(tree, parts)
    return {name: ast.unparse(tree) + "\n" for name, tree in trees.items()}


def _survey(tree: ast.Module, parts: dict[ast.AST, _Part]) -> Iterator[str]:
    """Put what may be left out into `parts`; yields the words of everything else."""
    for stmt in tree.body:
        if isinstance(stmt, _IMPORTS):
            for alias in stmt.names:
                parts[alias] = _Part({(alias.asname or alias.name).split(".")[0]}, {alias.name})
        elif isinstance(stmt, ast.ClassDef):
            part = parts[stmt] = _Part({stmt.name})
            for inner in stmt.body:
                if isinstance(inner, _FUNCTIONS) and _may_go(inner):
                    parts[inner] = _Part({inner.name}, set(_words(inner)))
                else:
                    part.words |= set(_words(inner))
            part.words |= {word for base in stmt.bases for word in _words(base)}
        elif isinstance(stmt, _FUNCTIONS):
            parts[stmt] = _Part({stmt.name}, set(_words(stmt)))
        elif isinstance(stmt, ast.Assign) and _is_pure(stmt.value) and _names(stmt):
            parts[stmt] = _Part(_names(stmt), set(_words(stmt.value)))
        else:
            yield from _words(stmt)


def _may_go(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return method.name not in micropython_names() and not method.name.startswith("__")


def _names(stmt: ast.Assign) -> set[str]:
    """The names that an assignment gives values; none when it does more."""
    if all(isinstance(target, ast.Name) for target in stmt.targets):
        return {target.id for target in stmt.targets if isinstance(target, ast.Name)}
    return set()


def _is_pure(value: ast.expr) -> bool:
    """Whether nothing is missed when `value` is never computed."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in _PURE:
                return False
        elif isinstance(node, ast.expr) and not isinstance(node, _PLAIN):
            return False
    return True


def _words(node: ast.AST) -> Iterator[str]:
    """Names that `node` uses, what for whatever; the one that a function or a class has is not used by it."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.alias):
            yield from inner.name.split(".")
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _mark(parts: Mapping[ast.AST, _Part], words: set[str]) -> None:
    """Find what is live, beginning with `words`."""
    wanted = set(words)
    changed = True
    while changed:
        changed = False
        for part in parts.values():
            if not part.live and part.names & wanted:
                part.live = changed = True
                wanted |= part.words


def _drop(tree: ast.Module, parts: Mapping[ast.AST, _Part]) -> None:
    kept: list[ast.stmt] = []
    for stmt in tree.body:
        if isinstance(stmt, _IMPORTS):
            stmt.names = [alias for alias in stmt.names if parts[alias].live]
        if isinstance(stmt, ast.Pass) or (isinstance(stmt, _IMPORTS) and not stmt.names):
            continue
        if stmt in parts and not parts[stmt].live:
            continue
        if isinstance(stmt, ast.ClassDef):
            body = [inner for inner in stmt.body if inner not in parts or parts[inner].live]
            stmt.body = body or [ast.Pass()]
        kept.append(stmt)
    tree.body = kept
