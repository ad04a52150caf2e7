"""`ophion diff`: what is different between two images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ophion.cli.output import Json, show


def register(app: typer.Typer) -> None:
    """Add the verb to `app`."""
    app.command("diff", epilog="Exit code: 0 not a byte is different, 1 something is.")(diff)


def diff(
    old: Annotated[Path, typer.Argument(metavar="A", help="An image, or a payload.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    as_json: Json = False,
) -> int:
    """Show what is different between two images.

    The fields of the header, files and TLVs.
    """
    from ophion.package import compare, load_content

    value = compare(load_content(old), load_content(new))
    show(as_json, {"a": str(old), "b": str(new), **value}, _text(old, new, value))
    return 0 if value["same"] else 1


def _text(old: Path, new: Path, value: dict[str, Any]) -> str:
    before, after = value["size"]
    if value["same"]:
        return f"{old} and {new} are the same {before} bytes"
    lines = [f"- {old}  {before} bytes", f"+ {new}  {after} bytes ({after - before:+})", ""]
    lines += [f"header  {name}: {_field(a)} -> {_field(b)}" for name, (a, b) in value["header"].items()]
    lines += _rows("file", value["files"])
    if value["files_error"] and not value["payload_same"]:
        lines.append(f"payload  is different ({value['files_error']})")
    return "\n".join([*lines, *_rows("TLV", value["tlvs"])])


def _rows(what: str, changes: dict[str, Any]) -> list[str]:
    lines = [f"-{what:<6} {row['name']}  {row['size']} bytes" for row in changes["removed"]]
    lines += [f"+{what:<6} {row['name']}  {row['size']} bytes" for row in changes["added"]]
    for row in changes["changed"]:
        before, after = row["size"]
        lines.append(f"~{what:<6} {row['name']}  {before} -> {after} bytes ({after - before:+})")
    if changes["unchanged"]:
        lines.append(f" {what:<6} {changes['unchanged']} unchanged")
    return lines


def _field(value: object) -> object:
    return "(none)" if value is None else value
