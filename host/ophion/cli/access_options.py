"""--operator, --pair and --passkey, for every verb that talks to a device."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

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
_OPTIONS = {"operator": (Operator, None), "pair": (Pair, False), "passkey": (PasskeyDigits, None)}
_DIGITS = 6
_current: ContextVar[Access | None] = ContextVar("access", default=None)
_Verb = TypeVar("_Verb", bound=Callable[..., None])


def takes_access(verb: _Verb) -> _Verb:
    """Give `verb` the three options; what they say is `current_access()` while it runs."""
    signature = inspect.signature(verb, eval_str=True)

    @functools.wraps(verb)
    def wrapped(*arguments: Any, **options: Any) -> None:
        words = {name: options.pop(name) for name in _OPTIONS}
        before = _current.set(_access(options.get("radio") or "os", **words))
        try:
            verb(*arguments, **options)
        finally:
            _current.reset(before)

    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _OPTIONS.items()
    ]
    parameters = [*signature.parameters.values(), *more]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped  # type: ignore[return-value]


def current_access() -> Access | None:
    """What the verb that runs shows to devices; None: nothing."""
    return _current.get()


def _access(radio: str, operator: str | None, pair: bool, passkey: str | None) -> Access | None:
    if passkey is not None and (len(passkey) != _DIGITS or not passkey.isascii() or not passkey.isdigit()):
        raise typer.BadParameter("--passkey is not six digits, as the device shows them")
    if not operator and not pair and passkey is None:
        return None
    from ophion.keys import open_signer
    from ophion.push import Access

    signer = open_signer(operator, passphrase_source(None)) if operator else None
    return Access(signer, pair or passkey is not None, _passkey(radio, passkey) if pair or passkey else None)


def _passkey(radio: str, digits: str | None) -> Passkey | None:
    """Where the passkey comes from: the option, or a prompt, unless the operating system asks for it."""
    if digits is None and (radio == "os" or not sys.stdin.isatty()):
        return None

    async def ask() -> int:
        text = digits or str(await asyncio.to_thread(typer.prompt, "passkey that the device shows", err=True))
        return int(text) if text.isascii() and text.isdigit() else 0

    return ask
