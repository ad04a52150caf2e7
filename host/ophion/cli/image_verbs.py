"""`ophion new`, `build`, `inspect`, `verify`: from a folder to a checked image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ophion.cli import board_verbs, build_verb, delta_verb, diff_verb, sign_verb, size_verb
from ophion.cli.draw import picture
from ophion.cli.here import made_file
from ophion.cli.output import Json, show
from ophion.cli.sign_verb import MaxSize
from ophion.errors import UsageError

ImageArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="IMAGE", help="A signed image, or an application's folder (default: the one here)."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    new = typer.Typer(
        help="Start an application, or a board of your own.", no_args_is_help=True, rich_markup_mode=None
    )
    new.command("app")(new_application)
    new.command("board")(board_verbs.new_board)
    app.add_typer(new, name="new")
    build_verb.register(app)
    sign_verb.register(app)
    app.command("inspect")(inspect)
    app.command("verify")(verify)
    size_verb.register(app)
    diff_verb.register(app)


def new_application(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the application (default: the folder's).")
    ] = "",
    as_json: Json = False,
) -> None:
    """Start an application that takes updates and confirms itself."""
    from ophion.build import new_app

    written = [str(path) for path in new_app(folder, name)]
    show(as_json, {"files": written}, "\n".join(written))


def inspect(image: ImageArgument = None, as_json: Json = False) -> None:
    """Show what is in an image: header, payload, TLVs, files.

    Of a delta: what it needs and makes.
    """
    from ophion.delta import describe_patch, is_patch
    from ophion.files import read_file
    from ophion.package import describe, load_image

    file = made_file(image, "bin")
    data = read_file(file, "image")
    if is_patch(data):
        patch = describe_patch(data)
        show(as_json, {"patch": str(file), **patch}, delta_verb.patch_picture(str(file), patch))
        return
    description = describe(load_image(file))
    show(as_json, {"image": str(file), **description}, picture(str(file), description))


def verify(
    image: ImageArgument = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", "-k", metavar="PUB", help="A public key that the device trusts."),
    ] = None,
    roots: Annotated[
        Path | None, typer.Option("--roots", metavar="CHAIN", help="The root set that the device holds.")
    ] = None,
    hardware: Annotated[
        str, typer.Option("--hardware", metavar="ID", help="The device's hardware id (default: any).")
    ] = "",
    enc_key: Annotated[
        list[Path] | None,
        typer.Option("--enc-key", metavar="PEM", help="A private key that the device decrypts with."),
    ] = None,
    max_size: MaxSize = None,
    as_json: Json = False,
) -> None:
    """Ask the device's own code whether it would run an image."""
    from ophion.build.device_module import root_set
    from ophion.files import read_file
    from ophion.keys import load_device_key, load_public
    from ophion.package import load_image, verify_image

    if not key and roots is None:
        raise UsageError(
            "nothing is trusted: give --key, or --roots",
            "--key key.pub is the public half of the signing key",
        )
    file = made_file(image, "bin")
    loaded = load_image(file)
    verify_image(
        loaded,
        [load_public(path) for path in key or []],
        max_size,
        roots=root_set(read_file(roots, "root set")) if roots else None,
        hardware=hardware,
        enc_keys=[load_device_key(path).entry for path in enc_key or []],
    )
    value = {
        "image": str(file),
        "verified": True,
        "version": loaded.version_text,
        "size": loaded.size,
        "hash": loaded.hash.hex(),
        "encrypted": bool(loaded.aes_bits),
    }
    text = f"{file}  good: version {loaded.version_text}, {loaded.size} bytes"
    show(as_json, value, f"{text}, hash {loaded.hash.hex()[:16]}...")
