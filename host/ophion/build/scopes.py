"""What the statements of a module bind, as the linker's parts ask for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def bound_names(body: Iterable[ast.AST]) -> list[str]:
    """Names that the statements of one scope bind, in order; comprehensions and functions are scopes."""
    found: list[str] = []
    waiting = list(body)[::-1]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.append(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
            continue
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.append(node.name)
        elif isinstance(node, ast.Import):
            found += [alias.asname or alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Lambda | COMPREHENSIONS):
            continue
        waiting += list(ast.iter_child_nodes(node))[::-1]
    return list(dict.fromkeys(found))


def imported_names(body: Sequence[ast.stmt]) -> set[str]:
    """Names that imports bind at the top level."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif not isinstance(node, FUNCTIONS | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
    return set(bound_names(found))


def is_constant(stmt: ast.stmt) -> bool:
    """Whether the statement is only `_NAME = const(value)`: it leaves no name in the compiled module."""
    return (
        isinstance(stmt, ast.Assign)
        and isinstance(stmt.targets[0], ast.Name)
        and stmt.targets[0].id.startswith("_")
        and isinstance(stmt.value, ast.Call)
        and isinstance(stmt.value.func, ast.Name)
        and stmt.value.func.id == "const"
    )


def single_constants(stmt: ast.stmt) -> list[tuple[str, ast.expr]]:
    """(name, constant) of a statement that assigns nothing else, else []."""
    if not isinstance(stmt, ast.Assign) or len(stmt.targets) != 1:
        return []
    target, value = stmt.targets[0], stmt.value
    pairs: list[tuple[ast.expr, ast.expr]] = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = list(zip(target.elts, value.elts, strict=True))
    found: list[tuple[str, ast.expr]] = []
    for name, item in pairs:
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Name) and item.func.id == "const":
            item = item.args[0]
        if not isinstance(name, ast.Name) or not isinstance(item, ast.Constant):
            return []
        found.append((name.id, item))
    return found
