"""What takes the space of an image."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from ophion.errors import ImageError
from ophion.package.content import Content
from ophion.package.mpy import mpy_parts


def sizes(content: Content) -> dict[str, Any]:
    """Bytes of each part: they add up to `total`. Values that JSON can hold.

    `files` has each file with the bytes that it alone takes (`size`), its length, and for a file whose
    content lies in the payload once for several, the first of them (`same_as`, "" else). `kinds` adds
    them up by suffix, `mpy` the parts of compiled modules (`mpy_parts`). `romfs` is what the payload
    takes beside contents: names, folders, pointers.
    """
    files = _files(content)
    inside = sum(file["size"] for file in files)
    image = content.image
    protected = image.protected_size if image else 0
    header = image.header_size if image else 0
    kinds: dict[str, int] = {}
    for file in files:
        kinds[file["kind"]] = kinds.get(file["kind"], 0) + file["size"]
    return {
        "total": len(content.data),
        "header": header,
        "payload": len(content.payload),
        "files": files,
        "kinds": dict(sorted(kinds.items(), key=lambda item: -item[1])),
        "mpy": _mpy(content, files),
        "romfs": len(content.payload) - inside if files else 0,
        "shared": sum(file["length"] - file["size"] for file in files),
        "protected": protected,
        "tlvs": len(content.data) - header - len(content.payload) - protected,
        "files_error": content.files_error,
    }


def slot_use(total: int, name: str, area: int, room: int) -> dict[str, Any]:
    """How `total` bytes fit the slot of the board `name`.

    Of the `area` bytes of its partition an image may have `room`; the others are kept, for the trailer.
    """
    return {
        "board": name,
        "area": area,
        "kept": area - room,
        "room": room,
        "free": room - total,
        "percent": round(100 * total / room, 1),
    }


def _mpy(content: Content, files: list[dict[str, Any]]) -> dict[str, int]:
    """Names, constants and code of all modules together; a damaged one is left out."""
    total = {"names": 0, "constants": 0, "code": 0}
    for file, row in zip(content.files, files, strict=True):
        if row["kind"] == "mpy" and row["size"]:
            with suppress(ImageError):
                parts = mpy_parts(content.payload[file.offset : file.offset + file.size])
                total = {name: count + parts[name] for name, count in total.items()}
    return total


def _files(content: Content) -> list[dict[str, Any]]:
    first: dict[tuple[int, int], str] = {}
    rows = []
    for file in content.files:
        owner = first.setdefault((file.offset, file.size), file.path) if file.size else file.path
        rows.append(
            {
                "path": file.path,
                "kind": PurePosixPath(file.path).suffix.removeprefix(".") or "(none)",
                "length": file.size,
                "size": file.size if owner == file.path else 0,
                "same_as": "" if owner == file.path else owner,
            }
        )
    return rows
