"""Comprehensions become loops of the function that they stand in.

A comprehension is a function of its own: a record, a pointer and a call, and each variable of the function
around it that it uses becomes a cell. Where it is the first thing that a statement computes, a loop in front
of the statement does the same. A loop's variables get new names: those of locals take no room.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from ophion.build.scopes import COMPREHENSIONS, bound_names

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
# What takes all of an iterator at once: a list does as well.
_TAKERS = frozenset(("bytes", "list", "set", "sum", "tuple"))
_NAME = "loop"


def unroll(source: str) -> str:
    """`source` of a linked module with loops for comprehensions."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and not node.decorator_list:
            names = (name for name in map(f"{_NAME}{{}}".format, itertools.count()) if name not in source)
            _blocks(node, names)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _blocks(node: ast.AST, names: Iterator[str]) -> None:
    """Do it in all blocks of statements below `node`, other functions and classes apart."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list):
            setattr(node, field, [made for stmt in block for made in _statement(stmt, names)])
    for handler in getattr(node, "handlers", []):
        _blocks(handler, names)


def _statement(stmt: ast.stmt, names: Iterator[str]) -> list[ast.stmt]:
    """The statement, behind the loops that do what it computed first."""
    if isinstance(stmt, _FUNCTIONS | ast.ClassDef):
        return [stmt]
    before: list[ast.stmt] = []
    for field in ("value", "iter", "test"):
        value = getattr(stmt, field, None)
        if isinstance(value, ast.expr) and not isinstance(stmt, ast.While | ast.AugAssign):
            setattr(stmt, field, _without(value, names, before))
    _blocks(stmt, names)
    return [*before, stmt]


def _without(value: ast.expr, names: Iterator[str], before: list[ast.stmt]) -> ast.expr:
    """`value` without the comprehension that it computes first, if it is one that can be a loop."""
    if isinstance(value, ast.ListComp | ast.DictComp):
        return _unrolled(value, names, before) if _is_simple(value) else value
    if isinstance(value, ast.Call) and value.args and _is_load(value.func):
        if isinstance(value.args[0], ast.GeneratorExp) and len(value.args) == 1 and _takes_all(value.func):
            generator = value.args[0]
            value.args[0] = ast.ListComp(generator.elt, generator.generators)
        first = next((n for n, arg in enumerate(value.args) if not _is_load(arg)), 0)
        value.args[first] = _without(value.args[first], names, before)
    elif isinstance(value, ast.Compare):
        value.left = _without(value.left, names, before)
    elif isinstance(value, ast.BinOp):
        if _is_load(value.left):
            value.right = _without(value.right, names, before)
        else:
            value.left = _without(value.left, names, before)
    elif isinstance(value, ast.UnaryOp):
        value.operand = _without(value.operand, names, before)
    elif isinstance(value, ast.IfExp):
        value.test = _without(value.test, names, before)
    elif isinstance(value, ast.BoolOp | ast.Dict) and _begins_with_value(value):
        value.values[0] = _without(value.values[0], names, before)
    return value


def _begins_with_value(node: ast.BoolOp | ast.Dict) -> bool:
    return isinstance(node, ast.BoolOp) or bool(node.keys and isinstance(node.keys[0], ast.Constant))


def _is_load(func: ast.expr) -> bool:
    """Whether to look at `func` changes nothing: a variable, a constant, or what stands behind its dot."""
    if isinstance(func, ast.Attribute):
        func = func.value
    return isinstance(func, ast.Name | ast.Constant)


def _takes_all(func: ast.expr) -> bool:
    if isinstance(func, ast.Attribute):
        return func.attr == "join" and isinstance(func.value, ast.Constant)
    return isinstance(func, ast.Name) and func.id in _TAKERS


def _is_simple(comprehension: ast.ListComp | ast.DictComp) -> bool:
    """Whether no function keeps its variables, and none of them has two meanings."""
    inner = [n for n in ast.walk(comprehension) if isinstance(n, COMPREHENSIONS)]
    bound = [name for c in inner for g in c.generators for name in bound_names([g.target])]
    kept = any(isinstance(n, ast.Lambda | ast.Yield | ast.Await) for n in ast.walk(comprehension))
    first = comprehension.generators[0].iter
    used = {n.id for n in ast.walk(first) if isinstance(n, ast.Name)}
    return not kept and len(bound) == len(set(bound)) and not used & set(bound)


def _unrolled(node: ast.ListComp | ast.DictComp, names: Iterator[str], before: list[ast.stmt]) -> ast.expr:
    """The variable that holds the result of the loops, which go to `before`."""
    found = next(names)
    renamed = {name: next(names) for g in node.generators for name in bound_names([g.target])}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            inner.id = renamed.get(inner.id, inner.id)
    result = ast.Name(found, ast.Load())
    stmt: ast.stmt
    empty: ast.expr
    if isinstance(node, ast.ListComp):
        append = ast.Attribute(result, "append", ast.Load())
        stmt, empty = ast.Expr(ast.Call(append, [node.elt], [])), ast.List([], ast.Load())
    else:
        stmt = ast.Assign([ast.Subscript(result, node.key, ast.Store())], node.value, lineno=0)
        empty = ast.Dict([], [])
    block: list[ast.stmt] = _statement(stmt, names) if isinstance(node, ast.ListComp) else [stmt]
    for generator in reversed(node.generators):
        for test in reversed(generator.ifs):
            block = [ast.If(test, block, [])]
        block = [ast.For(generator.target, generator.iter, block, [], lineno=0)]
    before.append(ast.Assign([ast.Name(found, ast.Store())], empty, lineno=0))
    before += block
    return result
