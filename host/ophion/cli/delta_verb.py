"""`ophion delta`: what a device needs that has the image before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ophion.cli.output import Json, show


def register(app: typer.Typer) -> None:
    """Add the verb to `app`."""
    app.command("delta")(delta)


def delta(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The signed image that the device runs.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The signed image that it is to run.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: NEW with suffix .delta.")
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="For devices with little heap: 8 KiB less.")] = False,
    as_json: Json = False,
) -> None:
    """Write the patch that turns one signed image into another: it carries the new one's signature."""
    from ophion.delta import describe_patch, make_image_patch
    from ophion.files import write_file
    from ophion.package import load_image

    target = out or new.with_suffix(".delta")
    before, after = load_image(old), load_image(new)
    patch = make_image_patch(before, after, small=small)
    write_file(target, patch)
    percent = 100 * len(patch) / after.size
    text = (
        f"{target}  {len(patch)} bytes, {percent:.2f} % of the {after.size} of {after.version_text}, "
        f"for devices that have {before.version_text}"
    )
    value = {"patch": str(target), "from": before.version_text, "to": after.version_text}
    show(as_json, {**value, "percent": round(percent, 3), **describe_patch(patch)}, text)


def patch_picture(name: str, patch: dict[str, Any]) -> str:
    """What `ophion.delta.describe_patch` returned, as text."""
    lines = [
        f"{name}: a delta patch of {patch['size']} bytes",
        f"needs    an image of {patch['old']['size']} bytes, SHA-256 {patch['old']['hash']}...",
        f"makes    an image of {patch['new']['size']} bytes, SHA-256 {patch['new']['hash']}...",
        f"decoder  a table of {patch['table_bytes']} bytes",
        "",
    ]
    lines += [
        f"{part['offset']:#08x} {part['size']:7}  segment, makes bytes {part['from']} to {part['to']}"
        for part in patch["segments"]
    ]
    return "\n".join(lines)
