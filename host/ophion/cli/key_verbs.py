"""`ophion keys`: make keys and look at them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.cli import complete
from ophion.cli.output import Json, show
from ophion.errors import InputError, UsageError

if TYPE_CHECKING:
    from ophion.keys import PublicKey

PASSPHRASE_VARIABLE = "OPHION_KEY_PASSPHRASE"
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Passphrase or PIN: what this file holds."),
]
KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        autocompletion=complete.keys,
        help="A key file, public or private, or a pkcs11: URI.",
    ),
]
_DECRYPTS = "x25519"
_FORMS = ("pem", "der", "mcuboot")

keys = typer.Typer(help="Make signing keys and look at them.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.add_typer(keys, name="keys")


def ask_passphrase(file: Path | None = None, key: str = "", *, twice: bool = False) -> bytes:
    """The passphrase (or PIN): of `file`, else from the environment, else from the terminal.

    `key` is what it opens, for the prompt; `twice` asks a person again to be sure. Raises UsageError
    where there is none of these, InputError when the file cannot be read or is empty.
    """
    if file is not None:
        from ophion.files import read_file

        secret = read_file(file, "passphrase file").rstrip(b"\r\n")
        if not secret:
            raise InputError(f"passphrase file is empty: {file}")
        return secret
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given.encode()
    if not sys.stdin.isatty():
        raise UsageError(
            "the key needs a passphrase or PIN and there is no terminal",
            f"give --passphrase-file FILE, or set {PASSPHRASE_VARIABLE}",
        )
    what = "PIN" if key.startswith("pkcs11:") else "passphrase" if key else "passphrase or PIN"
    text = f"{what} of {key.partition('?')[0]}" if key else what
    return str(typer.prompt(text, hide_input=True, err=True, confirmation_prompt=twice)).encode()


def passphrase_source(file: Path | None, key: str = "") -> Callable[[], bytes]:
    """`ask_passphrase` for `open_signer`: asked only when `key` needs it."""
    return lambda: ask_passphrase(file, key)


@keys.command("new")
def new(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The private key; the public one gets suffix .pub.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--type", "-t", metavar="TYPE", help="ed25519, ecdsa-p256, rsa-2048, -3072, -4096; x25519."
        ),
    ] = "ed25519",
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help=f"Encrypt it ({PASSPHRASE_VARIABLE}, or ask).")
    ] = False,
    passphrase_file: PassphraseFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    as_json: Json = False,
) -> None:
    """Make a key pair: PATH (secret) and its public half beside it.

    PATH gets mode 0600, and a passphrase with --passphrase or --passphrase-file.
    """
    from ophion.keys import generate, generate_recipient, parse_algorithm, public_path_of

    algorithm = None if kind == _DECRYPTS else parse_algorithm(kind)
    public_path = public_path_of(path)
    protect = passphrase or passphrase_file is not None
    secret = ask_passphrase(passphrase_file, str(path), twice=True) if protect else None
    if algorithm is None:
        digest = generate_recipient(path, passphrase=secret, force=force).keyhash
        lines = (
            "secret: the device gets this one, to read encrypted images",
            "public: images are encrypted to it",
        )
    else:
        digest = generate(path, algorithm, passphrase=secret, force=force).keyhash
        guard = " and knows its passphrase" if protect else ""
        lines = f"secret: whoever has it{guard} can update your devices", "public: devices get this one"
    value = {"private": str(path), "public": str(public_path), "type": kind, "keyhash": digest.hex()}
    show(as_json, value, f"{path}  {lines[0]}\n{public_path}  {lines[1]}")


@keys.command("show")
def show_key(key: KeyArgument, passphrase_file: PassphraseFile = None, as_json: Json = False) -> None:
    """Show the public half of a key, and its hash in images."""
    value = _facts(_open(key, passphrase_file))
    lines = [f"{name:<9}{value[name]}" for name in ("type", "public", "keyhash", "spki")]
    if value["sample"]:
        lines.append(f"warning  the private half is published ({value['sample']}): for tests only")
    show(as_json, value, "\n".join(lines))


@keys.command("public")
def export_public(
    key: KeyArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to write (default: the terminal)."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--form", metavar="FORM", help="pem, der (both SPKI) or mcuboot (as `imgtool getpub -e raw`)."
        ),
    ] = "pem",
    passphrase_file: PassphraseFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: Json = False,
) -> None:
    """Write the public half of a key, for devices and verifiers."""
    from ophion.files import write_file

    if form not in _FORMS:
        raise UsageError(f"no such form: {form!r}", f"one of {', '.join(_FORMS)}")
    if form != "pem" and out is None:
        raise UsageError(f"the form {form} is not text", "write it to a file with --out")
    public = _open(key, passphrase_file)
    content = {"pem": public.pem, "der": public.der, "mcuboot": public.mcuboot}[form]
    if out is not None:
        write_file(out, content, overwrite=force)
    value = {**_facts(public), "pem": public.pem.decode(), "file": "" if out is None else str(out)}
    show(
        as_json,
        value,
        public.pem.decode().rstrip() if out is None else f"{out}  {len(content)} bytes, {form}",
    )


def _open(key: str, passphrase_file: Path | None) -> PublicKey:
    from ophion.keys import open_public

    return open_public(key, passphrase_source(passphrase_file, key))


def _facts(public: PublicKey) -> dict[str, Any]:
    from ophion.keys import sample_name

    return {
        "type": public.algorithm.value,
        "public": public.raw.hex(),
        "keyhash": public.keyhash.hex(),
        "spki": public.der.hex(),
        "sample": sample_name(public),
    }
