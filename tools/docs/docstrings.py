"""Docstrings as Markdown: names with what they mean, in columns or behind colons, become lists."""

from __future__ import annotations

import re
from typing import Any

import griffe

_COLUMNS = re.compile(r"(?P<name>\S+)(?: {2,}|: )(?P<text>\S.*)")


class Lists(griffe.Extension):  # type: ignore[misc]
    """Rewrites each docstring before it is shown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for everything that has a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = "\n\n".join(map(listed, obj.docstring.value.split("\n\n")))


def listed(block: str) -> str:
    """`block`, as a list if each of its lines is a name with its meaning.

    A meaning goes on in lines that are indented.
    """
    items: list[list[str]] = []
    for line in block.split("\n"):
        found = _COLUMNS.fullmatch(line)
        if found:
            items.append([f"- `{found['name']}`: {found['text']}"])
        elif items and line.startswith("    "):
            items[-1].append(line.strip())
        else:
            return block
    return "\n".join(" ".join(item) for item in items) if len(items) > 1 else block
