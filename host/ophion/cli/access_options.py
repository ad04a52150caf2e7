"""--operator, --pair and --passkey, for every verb that talks to a device."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.cli.key_verbs import passphrase_source

if TYPE_CHECKING:
    from ophion.push import Access
    from ophion.push.access import Passkey

Operator = Annotated[
    str | None,
    typer.Option(
        envvar="OPHION_OPERATOR", metavar="KEY", help="An operator's key, for devices that want a token."
    ),
]
Pair = Annotated[bool, typer.Option("--pair", help="Pair with the device, if this computer has not.")]
PasskeyDigits = Annotated[
    str | None,
    typer.Option("--passkey", metavar="DIGITS", help="Pair with this passkey; otherwise asked for."),
]
ACCESS_OPTIONS: dict[str, tuple[Any, Any]] = {
    "operator": (Operator, None),
    "pair": (Pair, False),
    "passkey": (PasskeyDigits, None),
}
"""Name of each option: (annotation, default)."""
_DIGITS = 6


def read_access(radio: str, operator: str | None, pair: bool, passkey: str | None) -> Access | None:
    """What the options show to devices; None: nothing. Raises as `open_signer` does."""
    if passkey is not None and (len(passkey) != _DIGITS or not passkey.isascii() or not passkey.isdigit()):
        raise typer.BadParameter("--passkey is not six digits, as the device shows them")
    if not operator and not pair and passkey is None:
        return None
    from ophion.keys import open_signer
    from ophion.push import Access

    signer = open_signer(operator, passphrase_source(None, operator)) if operator else None
    return Access(signer, pair or passkey is not None, _passkey(radio, passkey) if pair or passkey else None)


def _passkey(radio: str, digits: str | None) -> Passkey | None:
    """Where the passkey comes from: the option, or a prompt, unless the operating system asks for it."""
    if digits is None and (radio == "os" or not sys.stdin.isatty()):
        return None

    async def ask() -> int:
        import asyncio

        text = digits or str(await asyncio.to_thread(typer.prompt, "passkey that the device shows", err=True))
        return int(text) if text.isascii() and text.isdigit() else 0

    return ask
