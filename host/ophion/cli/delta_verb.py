"""`ophion delta`: what a device needs that has the image before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ophion.cli.output import Json, show
from ophion.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the verb to `app`."""
    app.command("delta")(delta)


def delta(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="[OLD] NEW",
            help="The signed image that the device runs, and the one that it is to run.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: NEW with suffix .delta.")
    ] = None,
    no_base: Annotated[
        bool, typer.Option("--no-base", help="NEW alone, compressed: for a device with any image.")
    ] = False,
    small: Annotated[
        bool, typer.Option("--small", help="For devices with little heap: 8 KiB less, 4 without OLD.")
    ] = False,
    enc_key: Annotated[
        list[Path] | None,
        typer.Option("--enc-key", metavar="PEM", help="Private key that opens encrypted images."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the patch that turns one signed image into another.

    It carries the new one's signature. The patch of an encrypted image can be read by who can read the image,
    and by nobody else.
    """
    if len(images) != (1 if no_base else 2):
        wanted = "NEW alone with --no-base" if no_base else "OLD and NEW, or --no-base and NEW"
        raise UsageError(f"{len(images)} image{'s' if len(images) > 1 else ''} named, not {wanted}")
    from ophion.delta import describe_patch, make_image_patch
    from ophion.files import write_file
    from ophion.keys import load_device_key
    from ophion.package import load_image

    target = out or images[-1].with_suffix(".delta")
    *befores, after = [load_image(path) for path in images]
    before = befores[0] if befores else None
    if before is not None and before.image == after.image:
        raise UsageError(
            f"{images[0]} and {images[1]} are the same image", "name the old one, then the new one"
        )
    patch = make_image_patch(
        before, after, small=small, enc_keys=[load_device_key(path).entry for path in enc_key or []]
    )
    write_file(target, patch)
    percent = 100 * len(patch) / after.size
    text = (
        f"{target}  {len(patch)} bytes, {percent:.2f} % of the {after.size} of {after.version_text}, "
        f"for devices that have {before.version_text if before else 'any image'}"
    )
    value = {"patch": str(target), "from": before and before.version_text, "to": after.version_text}
    show(as_json, {**value, "percent": round(percent, 3), **describe_patch(patch)}, text)


def patch_picture(name: str, patch: dict[str, Any]) -> str:
    """What `ophion.delta.describe_patch` returned, as text."""
    if "sealed" in patch:
        return _sealed_picture(name, patch)
    old = patch["old"]
    needs = f"an image of {old['size']} bytes, SHA-256 {old['hash']}..." if old["size"] else "no image"
    lines = [
        f"{name}: a delta patch of {patch['size']} bytes",
        f"needs    {needs}",
        f"makes    an image of {patch['new']['size']} bytes, SHA-256 {patch['new']['hash']}...",
        f"decoder  a {'table' if old['size'] else 'window'} of {patch['table_bytes']} bytes",
        "",
    ]
    lines += [
        f"{part['offset']:#08x} {part['size']:7}  segment, makes bytes {part['from']} to {part['to']}"
        for part in patch["segments"]
    ]
    return "\n".join(lines)


def _sealed_picture(name: str, patch: dict[str, Any]) -> str:
    """What is in the clear of a sealed patch."""
    sealed = patch["sealed"]
    payload = sealed["payload"]
    keys = [one["key"] + "..." if one["key"] else "one key" for one in sealed["recipients"]]
    lines = [
        f"{name}: a sealed patch of {patch['size']} bytes",
        f"holds    a delta patch of {sealed['patch']} bytes, AES-{sealed['aes_bits']}",
        f"makes    an encrypted image, payload of {payload['size']} bytes at {payload['offset']}",
        f"for      {', '.join(keys)}",
    ]
    return "\n".join(lines)
