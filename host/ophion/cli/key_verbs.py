"""`ophion keys`: make keys and look at them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ophion.cli.output import Json, show
from ophion.errors import UsageError

PASSPHRASE_VARIABLE = "OPHION_KEY_PASSPHRASE"

keys = typer.Typer(help="Make signing keys and look at them.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.add_typer(keys, name="keys")


def ask_passphrase() -> bytes:
    """The passphrase from the environment, or from the terminal. Raises UsageError where there is neither."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given.encode()
    if not sys.stdin.isatty():
        raise UsageError("the key needs a passphrase and there is no terminal", f"set {PASSPHRASE_VARIABLE}")
    return str(typer.prompt("passphrase", hide_input=True, err=True)).encode()


@keys.command("new")
def new(
    path: Annotated[Path, typer.Argument(help="The private key; the public one gets suffix .pub.")],
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help=f"Encrypt it ({PASSPHRASE_VARIABLE}, or ask).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    as_json: Json = False,
) -> None:
    """Make an Ed25519 key pair: PATH (secret, mode 0600) and the public half beside it."""
    from ophion.keys import generate, public_path_of

    public = generate(path, passphrase=ask_passphrase() if passphrase else None, force=force)
    public_path = public_path_of(path)
    value = {"private": str(path), "public": str(public_path), "keyhash": public.keyhash.hex()}
    text = f"{path}  secret: whoever has it can update your devices\n"
    show(as_json, value, text + f"{public_path}  public: devices get this one")


@keys.command("show")
def show_key(
    path: Annotated[Path, typer.Argument(help="A public key, or a private one without passphrase.")],
    as_json: Json = False,
) -> None:
    """Show the public half of a key and the hash by which images name it."""
    from ophion.keys import load_public, sample_name

    public = load_public(path)
    sample = sample_name(public)
    value = {
        "type": "ed25519",
        "public": public.raw.hex(),
        "keyhash": public.keyhash.hex(),
        "sample": sample,
    }
    lines = ["type     ed25519", f"public   {public.raw.hex()}", f"keyhash  {public.keyhash.hex()}"]
    if sample:
        lines.append(f"warning  the private half is published ({sample}): for tests only")
    show(as_json, value, "\n".join(lines))
