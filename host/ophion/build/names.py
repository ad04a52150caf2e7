"""What the short names of a linked firmware were, and tracebacks made readable by it.

The map is a text that lies beside the firmware. A line is `short kind name`: kind `def` for a function, a
method or a class, which tracebacks name; `value` for the rest. A short name has one line for each meaning.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from ophion.build.shorten import Shortened
from ophion.errors import BuildError

DEF, VALUE = "def", "value"
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_LINE = re.compile(r"(\w+) (def|value) ([\w.]+)")
_FRAME = re.compile(r'^(\s*File "[^"]*\bophion_boot/\w+\.py", line \d+, in )(\w+)$', re.M)
_QUOTED = re.compile(r"'(\w+)'")


def name_map(wholes: Mapping[str, str], short: Shortened, origins: Mapping[str, Mapping[str, str]]) -> str:
    """The text, for the linked modules `wholes` as they were before; `origins` is {root: {name: module}}."""
    found: set[str] = set()
    for root, text in wholes.items():
        tree = ast.parse(text)
        for stmt in tree.body:
            if isinstance(stmt, _FUNCTIONS | ast.ClassDef):
                name = f"{origins[root].get(stmt.name, root)}.{stmt.name}"
                found.update(_line(short.globals, stmt.name, DEF, name))
                if isinstance(stmt, ast.ClassDef):
                    for inner in (inner for inner in stmt.body if isinstance(inner, _FUNCTIONS)):
                        found.update(_line(short.attributes, inner.name, DEF, f"{name}.{inner.name}"))
    named = {line.split()[2].rpartition(".")[2] for line in found}
    for names in (short.globals, short.attributes, short.data):
        for name in names:
            if name not in named:
                found.update(_line(names, name, VALUE, name))
    return "\n".join(sorted(found)) + "\n"


def _line(names: Mapping[str, str], name: str, kind: str, full: str) -> Iterator[str]:
    if name in names:
        yield f"{names[name]} {kind} {full}"


def readable(traceback: str, names: str) -> str:
    """A `traceback` that a device printed, with the names of the map `names` behind the short ones.

    Raises BuildError when `names` is no such map.
    """
    known: dict[str, dict[str, list[str]]] = {}
    for number, line in enumerate(names.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if not match:
            raise BuildError(f"line {number} is none of a map of names: {line[:60]!r}")
        known.setdefault(match[1], {}).setdefault(match[2], []).append(match[3])

    def framed(match: re.Match[str]) -> str:
        return match[0] + _behind(known.get(match[2], {}).get(DEF, []))

    def quoted(match: re.Match[str]) -> str:
        return match[0] + _behind([name for kind in known.get(match[1], {}).values() for name in kind])

    return _QUOTED.sub(quoted, _FRAME.sub(framed, traceback))


def _behind(names: list[str]) -> str:
    return f" ({' or '.join(names)})" if names else ""
