"""The names that a module uses most come first in its table of names.

Bytecode has a name's place in that table: one byte for the first 128, two for others. mpy-cross gives places
in the order in which it meets names, and it meets those of the top level first, which uses each of them once.
`ordered` puts a statement in front that is never reached: it costs 4 bytes, and names there get their places.
"""

from __future__ import annotations

import ast
from collections import Counter

from ophion.build.scopes import bound_names

_ONE_BYTE = 126  # after the file's name and "<module>"
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_INTERNED = 10  # longer texts are objects, not names


def ordered(source: str) -> str:
    """`source` with its names in a better order."""
    tree = ast.parse(source)
    names = [name for name, _ in _uses(tree).most_common(_ONE_BYTE) if name]
    if not names or not names[0].isidentifier():
        return source
    chain = "".join(f".{name}" if name.isidentifier() else f"[{name!r}]" for name in names)
    return f"while True:\n    break\n    {names[0]}{chain}\n{source}"


def _uses(tree: ast.Module) -> Counter[str]:
    """How often the compiled code will name what: near enough for an order."""
    found: Counter[str] = Counter()
    _count(tree, frozenset(), found)
    return found


def _count(node: ast.AST, local: frozenset[str], found: Counter[str]) -> None:
    """Add what `node` names; `local` are variables of functions around it, which have no names."""
    if isinstance(node, _FUNCTIONS | ast.Lambda):
        local |= _function(node, found)
        if isinstance(node, _FUNCTIONS) and node.decorator_list:
            return  # native code names what it calls, little enough
    elif isinstance(node, ast.ClassDef):
        found.update([node.name, node.name, node.name, "__name__", "__module__", "__qualname__"])
    elif isinstance(node, ast.Attribute):
        found[node.attr] += 1
    elif isinstance(node, ast.Name) and node.id not in local and not node.id.startswith("_"):
        found[node.id] += 1
    elif isinstance(node, ast.alias):
        found[node.name] += 2
    elif isinstance(node, ast.keyword) and node.arg:
        found[node.arg] += 1
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= _INTERNED:
        found[node.value] += 1
    elif isinstance(node, ast.Tuple) and all(isinstance(item, ast.Constant) for item in node.elts):
        return  # an object
    for child in ast.iter_child_nodes(node):
        _count(child, local, found)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, found: Counter[str]) -> set[str]:
    """Add what a function's record names; returns its variables."""
    args = [arg.arg for arg in [*node.args.args, *node.args.kwonlyargs]]
    found.update(args)
    if isinstance(node, ast.Lambda):
        return set(args)
    found[node.name] += 2
    return {*args, *bound_names(node.body)}
