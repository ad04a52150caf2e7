"""`ophion size`: what takes the space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.cli.here import config_of, made_file
from ophion.cli.output import Json, line_width, show, table

if TYPE_CHECKING:
    from ophion.build.layout import Layout
    from ophion.package import Content

_BAR, _BAR_LEAST = 30, 8
_NUMBERS = 20  # columns of what stands beside a name and its bar


def register(app: typer.Typer) -> None:
    """Add the verb to `app`."""
    app.command("size")(size)


def size(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="An image, a payload, or an application's folder (default: the one here)."
        ),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option("--board", "-b", metavar="BOARD", help="Against its slot (default: from ophion.toml)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what takes the space in an image, file by file.

    With a board: how much of its slot that is.
    """
    from ophion.package import load_content, sizes, slot_use

    found = made_file(file, "bin", "romfs")
    config = config_of(found)
    chosen = [_layout(name) for name in board] if board else config.layouts if config else ()
    content = load_content(found)
    value = sizes(content)
    slots = [slot_use(value["total"], layout.name, *_room(layout, content)) for layout in chosen]
    show(as_json, {"file": str(found), **value, "slots": slots}, _text(found, value, slots))


def _layout(name: str) -> Layout:
    from ophion.build.boards import layout_path
    from ophion.build.layout import load_layout

    return load_layout(layout_path(name))


def _room(layout: Layout, content: Content) -> tuple[int, int]:
    """(size of the slot, the most that an image may take there): the application's, or the runtime's."""
    from ophion.package import RUNTIME

    if content.image and content.image.number == RUNTIME and layout.has_runtime:
        return layout.areas["ota_0"].size, layout.max_runtime_size
    return layout.areas["primary"].size, layout.max_image_size


def _text(path: Path, value: dict[str, Any], slots: list[dict[str, Any]]) -> str:
    total = value["total"]
    rows = [["header", value["header"]]] if value["header"] else []
    files = sorted(value["files"], key=lambda file: -file["size"])
    for file in files:
        note = f"  (the same as {file['same_as']})" if file["same_as"] else ""
        rows.append([f"{file['path']}{note}", file["size"]])
    if not files:
        rows.append([f"payload ({value['files_error'] or 'no ROMFS'})", value["payload"]])
    else:
        rows.append(["(names and folders)", value["romfs"]])
    rows += [[name, value[key]] for name, key in _AREAS if value[key]]
    lines = [f"{path}: {total} bytes", ""]
    names = max(len(str(name)) for name, _ in rows)
    width = max(_BAR_LEAST, min(_BAR, line_width() - names - _NUMBERS))
    lines.append(table([[name, f"{count:>8}", _bar(count, total, width)] for name, count in rows], _HEAD))
    kinds = ", ".join(f"{kind} {count}" for kind, count in value["kinds"].items())
    lines += ["", f"by kind: {kinds}"] if kinds else []
    if value["kinds"].get("mpy"):
        parts = ", ".join(f"{name} {count}" for name, count in value["mpy"].items())
        lines.append(f"in the mpy: {parts}")
    if value["shared"]:
        lines.append(f"stored once instead of several times: {value['shared']} bytes saved")
    return "\n".join([*lines, *[_slot(slot) for slot in slots]])


_AREAS = (("protected TLVs", "protected"), ("TLVs", "tlvs"))
_HEAD = ["part", "   bytes", ""]


def _slot(slot: dict[str, Any]) -> str:
    left = f"{slot['free']} bytes free" if slot["free"] >= 0 else f"{-slot['free']} bytes too many"
    where = f"slot of {slot['board']}: {slot['area']} bytes, {slot['kept']} of them kept for its trailer"
    return f"{where}; {slot['percent']} % of the other {slot['room']} used, {left}"


def _bar(count: int, total: int, width: int) -> str:
    return f"{'#' * round(width * count / total):<{width}} {100 * count / total:5.1f} %"
