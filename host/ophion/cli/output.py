"""Printing: for people, or one JSON object per line for programs."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
_PIPE_COLUMNS = 100
_UNITS = {"k": 1024, "m": 1024 * 1024}


def print_json(value: object) -> None:
    """One object on one line, at once."""
    typer.echo(json.dumps(value, separators=(", ", ": ")))
    sys.stdout.flush()


def show(as_json: bool, value: object, text: str) -> None:
    """Print `value` as JSON or `text` for people."""
    if as_json:
        print_json(value)
    else:
        typer.echo(clean(text))


def print_error(message: str, hint: str, as_json: bool) -> None:
    """`error: ...` and `hint: ...` on stderr, or {"error", "hint"} on stdout."""
    if as_json:
        print_json({"error": message, "hint": hint})
        return
    typer.echo(clean(f"error: {message}"), err=True)
    if hint:
        typer.echo(clean(f"hint: {hint}"), err=True)


def clean(text: str) -> str:
    """`text` without control characters: names and reasons come from devices that anybody may have made."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)


def line_width() -> int:
    """Columns of the terminal; `_PIPE_COLUMNS` where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_COLUMNS


def table(rows: list[list[str]], head: list[str]) -> str:
    """Columns of text, aligned; `head` names them."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def byte_count(text: str | int) -> int:
    """Read a size: 4096, 0x1000, 512K or 2M."""
    if isinstance(text, int):
        return text
    unit = _UNITS.get(text[-1:].lower(), 1)
    digits = text[:-1] if unit > 1 else text
    try:
        value = int(digits, 0) * unit
    except ValueError:
        value = 0
    if value <= 0:
        raise typer.BadParameter(f"{text!r} is not a size; write 4096, 0x1000, 512K or 2M")
    return value


def plain(value: Any) -> Any:
    """Bytes as hex, the rest as it is: for JSON."""
    return value.hex() if isinstance(value, bytes) else value


def plain_all(value: Any) -> Any:
    """The same for everything inside of lists and dicts."""
    if isinstance(value, dict):
        return {key: plain_all(item) for key, item in value.items()}
    return [plain_all(item) for item in value] if isinstance(value, list) else plain(value)
