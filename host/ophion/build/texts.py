"""The texts of errors and events in one table, packed.

A text of a frozen function is an object of 16 bytes, a pointer and its letters. `pack_texts` takes texts with
a space out of the functions and puts `packed_text(place)` there. The table is bytes, where a frequent pair of
letters has become one byte (byte pair encoding), and pairs of those too. What the device says is the same.
"""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Mapping

_SHORTEST = 5
_FIRST = 128  # bytes from here on stand for pairs
_MOST = 128
_LEAST_USE = 3  # a pair takes two bytes itself
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_NAME = "packed_text"
_TABLE = "packed_texts"
# A code is a letter, or a pair of codes that lies in the front of the table; a text ends with a zero.
_CODE = f"""
def _{_NAME}_part(code, text):
    if code < {_FIRST}:
        text.append(code)
    else:
        code = 2 * code - {2 * _FIRST}
        _{_NAME}_part({_TABLE}[code], text)
        _{_NAME}_part({_TABLE}[code + 1], text)

def {_NAME}(at):
    text = bytearray()
    while {_TABLE}[at]:
        _{_NAME}_part({_TABLE}[at], text)
        at += 1
    return text.decode()
"""


def pack_texts(wholes: Mapping[str, str]) -> dict[str, str]:
    """The linked modules `wholes` ({module: source}) with a table in the first, which the others import."""
    trees = {name: ast.parse(text) for name, text in wholes.items()}
    found: Counter[str] = Counter()
    for tree in trees.values():
        _Texts(found).visit(tree)
    if not found:
        return dict(wholes)
    table, places = packed(sorted(found))
    first = next(iter(trees))
    made = {}
    for name, tree in trees.items():
        replacer = _Replaced(places)
        replacer.visit(tree)
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        if name == first:
            text = f"{_TABLE} = {table!r}\n{_CODE}{text}"
        elif replacer.used:
            text = f"from {first} import {_NAME}\n{text}"
        made[name] = text
    return made


def packed(texts: list[str]) -> tuple[bytes, dict[str, int]]:
    """The table of `texts`, all of ASCII, and {text: where it begins}."""
    codes = [list(text.encode("ascii")) for text in texts]
    pairs: list[tuple[int, int]] = []
    while len(pairs) < _MOST:
        counts: Counter[tuple[int, int]] = Counter()
        for code in codes:
            counts.update(itertools.pairwise(code))
        best, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=((0, 0), 0))
        if count <= _LEAST_USE:
            break
        codes = [_joined(code, best, _FIRST + len(pairs)) for code in codes]
        pairs.append(best)
    table = bytearray(byte for pair in pairs for byte in pair)
    places = {}
    for text, code in zip(texts, codes, strict=True):
        places[text] = len(table)
        table += bytes([*code, 0])
    return bytes(table), places


def _joined(code: list[int], pair: tuple[int, int], symbol: int) -> list[int]:
    """`code` with `symbol` for `pair`."""
    made: list[int] = []
    for byte in code:
        if made and (made[-1], byte) == pair and len(made) > 0:
            made[-1] = symbol
        else:
            made.append(byte)
    return made


class _Inside(ast.NodeTransformer):
    """Visits constants of function bodies, those of constant tuples and formatted strings apart."""

    def __init__(self) -> None:
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.decorator_list and self._is_native(node):
            return node
        self._depth += 1
        node.body = [self.visit(stmt) for stmt in node.body]
        self._depth -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    @staticmethod
    def _is_native(node: ast.FunctionDef) -> bool:
        return any(
            isinstance(d, ast.Attribute) and d.attr in ("viper", "native") for d in node.decorator_list
        )

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        if all(isinstance(item, ast.Constant) for item in node.elts):
            return node
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if not self._depth or not isinstance(value, str) or not value.isascii():
            return node
        return self.text(node, value) if len(value) >= _SHORTEST and " " in value else node

    def text(self, node: ast.Constant, value: str) -> ast.AST:
        raise NotImplementedError


class _Texts(_Inside):
    """Counts texts."""

    def __init__(self, found: Counter[str]) -> None:
        super().__init__()
        self._found = found

    def text(self, node: ast.Constant, value: str) -> ast.AST:
        self._found[value] += 1
        return node


class _Replaced(_Inside):
    """Puts calls where texts were."""

    def __init__(self, places: Mapping[str, int]) -> None:
        super().__init__()
        self._places = places
        self.used = 0

    def text(self, node: ast.Constant, value: str) -> ast.AST:
        self.used += 1
        return ast.Call(ast.Name(_NAME, ast.Load()), [ast.Constant(self._places[value])], [])
