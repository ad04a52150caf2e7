"""`ophion new`, `build`, `sign`, `inspect`, `verify`: from a folder to a checked image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ophion.cli.draw import picture
from ophion.cli.key_verbs import ask_passphrase
from ophion.cli.output import Json, byte_count, show
from ophion.cli.sign_options import read_options, read_version

MaxSize = Annotated[
    int | None,
    typer.Option("--max-size", parser=byte_count, metavar="BYTES", help="The most the slot takes (512K)."),
]
ImageArgument = Annotated[Path, typer.Argument(metavar="IMAGE", help="A signed image.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    new = typer.Typer(help="Start something new.", no_args_is_help=True, rich_markup_mode=None)
    new.command("app")(new_application)
    app.add_typer(new, name="new")
    app.command("build")(build_payload)
    app.command("sign")(sign_payload)
    app.command("inspect")(inspect)
    app.command("verify")(verify)


def new_application(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    name: Annotated[str, typer.Option(help="Name of the application (default: the folder's).")] = "",
    as_json: Json = False,
) -> None:
    """Start an application that serves updates while it runs, and confirms itself."""
    from ophion.build import new_app

    written = [str(path) for path in new_app(folder, name)]
    show(as_json, {"files": written}, "\n".join(written))


def build_payload(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with ophion.toml.")] = Path("."),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where to write (default: DIR/build).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compile and pack an application into a payload: the same tree gives the same bytes."""
    from ophion.build import build, output_dir

    built = build(folder)
    path = built.write(out or output_dir(folder))
    files = f"{len(built.files)} file" + ("s" if len(built.files) != 1 else "")
    value = {"payload": str(path), "manifest": str(path.with_suffix(".json")), **built.manifest}
    show(as_json, value, f"{path}  {len(built.payload)} bytes, {files}, mpy v{built.compiler.mpy}")


def sign_payload(
    payload: Annotated[Path, typer.Argument(metavar="PAYLOAD", help="What `ophion build` wrote.")],
    key: Annotated[
        str, typer.Option("--key", "-k", metavar="URI", help="The signing key: PATH or file:PATH.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: PAYLOAD with suffix .bin.")
    ] = None,
    version: Annotated[
        str, typer.Option(metavar="X.Y.Z[+B]", help="Default: from the manifest beside PAYLOAD.")
    ] = "",
    security_counter: Annotated[
        str, typer.Option(metavar="N|auto", help="Add a security counter; auto: from the version.")
    ] = "",
    dependency: Annotated[
        list[str] | None,
        typer.Option(metavar="IMAGE:X.Y.Z", help="Image number IMAGE must be at least X.Y.Z."),
    ] = None,
    custom_tlv: Annotated[
        list[str] | None, typer.Option(metavar="TYPE=HEX", help="Add a signed vendor TLV (0xa0=0102).")
    ] = None,
    header_size: Annotated[
        int, typer.Option(parser=byte_count, metavar="BYTES", help="Bytes before the payload.")
    ] = 0x20,
    max_size: MaxSize = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a different file at the output.")] = False,
    as_json: Json = False,
) -> None:
    """Make a signed MCUboot image of a payload."""
    from ophion.files import read_file
    from ophion.keys import open_signer
    from ophion.package import parse_image
    from ophion.sign import sign, write_image

    options = read_options(security_counter, dependency or [], custom_tlv or [], header_size, max_size)
    data = read_file(payload, "payload")
    chosen = read_version(payload, version)
    if security_counter == "auto":
        options = options.with_counter(chosen.security_counter)
    target = out or payload.with_suffix(".bin")
    signer = open_signer(key, ask_passphrase)
    image = sign(data, chosen, signer, options)
    write_image(target, image, payload, force=force)
    digest = parse_image(image).hash.hex()
    value = {"image": str(target), "size": len(image), "version": str(chosen), "hash": digest}
    show(as_json, value, f"{target}  {len(image)} bytes, version {chosen}, hash {digest[:16]}...")


def inspect(image: ImageArgument, as_json: Json = False) -> None:
    """Show what is in an image: header, payload, TLVs, files."""
    from ophion.package import describe, load_image

    description = describe(load_image(image))
    show(as_json, {"image": str(image), **description}, picture(str(image), description))


def verify(
    image: ImageArgument,
    key: Annotated[
        list[Path], typer.Option("--key", "-k", metavar="PUB", help="A public key that the device trusts.")
    ],
    max_size: MaxSize = None,
    as_json: Json = False,
) -> None:
    """Ask the device's own code whether it would run an image."""
    from ophion.keys import load_public
    from ophion.package import load_image, verify_image

    loaded = load_image(image)
    verify_image(loaded, [load_public(path) for path in key], max_size)
    value = {
        "image": str(image),
        "verified": True,
        "version": loaded.version_text,
        "size": loaded.size,
        "hash": loaded.hash.hex(),
    }
    text = f"{image}  good: version {loaded.version_text}, {loaded.size} bytes"
    show(as_json, value, f"{text}, hash {loaded.hash.hex()[:16]}...")
