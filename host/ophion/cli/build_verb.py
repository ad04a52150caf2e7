"""`ophion build`: from a folder to a payload."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ophion.cli.output import Json, clean, print_json
from ophion.errors import BuildError


def register(app: typer.Typer) -> None:
    """Add the verb to `app`."""
    app.command("build")(build_payload)


def build_payload(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Folder with ophion.toml (default: here, or above)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where to write (default: DIR/build).")
    ] = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Fail when ophion.lock would change (for CI).")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Resolve all dependencies anew, and write ophion.lock.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing: dependencies come from the cache.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="A warning is an error.")] = False,
    as_json: Json = False,
) -> None:
    """Compile and pack an application into a payload.

    The same files give the same bytes.
    """
    from ophion.build import Network, build, find_app, output_dir
    from ophion.build.mpy import NO_ARCH

    place = folder or find_app(Path())
    built = build(place, Network(locked=locked, update=update, offline=offline))
    if strict and built.warnings:
        raise BuildError(built.warnings[0], "without --strict it is a warning")
    path = built.write(out or output_dir(place))
    if as_json:
        made = {"file": str(path), "manifest": str(path.with_suffix(".json"))}
        print_json({**built.manifest, **made, "warnings": list(built.warnings)})
        return
    for warning in built.warnings:
        typer.echo(clean(f"warning: {warning}"), err=True)
    what = f"mpy v{built.compiler.mpy}"
    if built.config.arch != NO_ARCH:
        what += f", native code for {built.config.arch}"
    typer.echo(f"{path}  {len(built.payload)} bytes, {_count(built.parts)}, {what}")


def _count(parts: tuple[object, ...]) -> str:
    return f"{len(parts)} file" + ("s" if len(parts) != 1 else "")
