"""The names that MicroPython itself uses, from its source: `host/ophion/build/micropython_names.txt`.

    python tools/qemu names > host/ophion/build/micropython_names.txt

Names of its C code for the ports that boards and the rig use, and those of asyncio, which is in Python.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

from qemu import build

_FOLDERS = ("py", "extmod", "shared", "drivers", "ports/esp32", "ports/qemu")
_SUFFIXES = (".c", ".cpp", ".h")
_TABLE = "py/makeqstrdata.py"
# How characters that no name has are written in a name of the C code.
_ESCAPED = re.compile(r"_(lt|gt|space|percent|slash|star|dot|brace|colon|hash)_")
_WIDTH = 110


def names() -> list[str]:
    """All of them, sorted. Raises build.BuildError when the source cannot be fetched."""
    tree = build.source()
    found: set[str] = set()
    for folder in _FOLDERS:
        for path in sorted((tree / folder).rglob("*")):
            if path.suffix in _SUFFIXES:
                found.update(re.findall(r"MP_QSTR_(\w+)", path.read_text(errors="replace")))
    found.update(re.findall(r'^    "(\w+)",', (tree / _TABLE).read_text(), re.M))
    for path in sorted((tree / "extmod" / "asyncio").glob("*.py")):
        found |= _attributes(path)
    return sorted(name for name in found if name.isidentifier() and not _ESCAPED.search(name))


def text() -> str:
    """The content of the file."""
    return "\n".join(textwrap.wrap(" ".join(names()), _WIDTH)) + "\n"


def _attributes(path: Path) -> set[str]:
    """Names that a Python module defines, or finds behind a dot."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
    return found
