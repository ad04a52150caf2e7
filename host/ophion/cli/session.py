"""What every verb with a radio needs: the choice of radio, the event loop, quiet libraries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from ophion.cli.complete import radios
from ophion.errors import DeviceNotFound, OphionError

T = TypeVar("T")
Radio = Annotated[
    str | None,
    typer.Option(
        "--radio",
        envvar="OPHION_RADIO",
        metavar="RADIO",
        autocompletion=radios,
        help="Radio to use: os (default), sim, sim:DIR or bumble:TRANSPORT.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        min=0.1,
        max=600,
        metavar="SECONDS",
        envvar="OPHION_TIMEOUT",
        help="How long to look for the device.",
    ),
]
TIMEOUT_S = 15.0
_LOOK_S = 2.0
_NOISY = ("smpclient", "bumble", "bleak", "asyncio")


def quiet_libraries() -> None:
    """Switch their logs off: what goes wrong is raised, and they would only repeat it, images included."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def run_async(radio: str | None, work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` with bleak on `radio`; Ctrl-C cancels it, and it may clean up."""
    quiet_libraries()
    from ophion.push import use_radio

    undo = use_radio(radio or "os")
    try:
        return asyncio.run(_main(work))
    finally:
        undo()


async def _main(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return await work()
    except DeviceNotFound as error:
        error.hint = await _who_is_here(error.hint)
        raise


async def _who_is_here(hint: str) -> str:
    """`hint`; or, where it says no more than to look who is in range, who is."""
    from ophion.push.discovery import scan
    from ophion.push.link import LIST_HINT

    if hint != LIST_HINT:
        return hint
    try:
        found = await scan(_LOOK_S)
    except OphionError:
        return hint
    if not found:
        return "nobody is in range: is it switched on, and is nobody else connected to it?"
    return f"in range: {', '.join(item.name or item.address for item in found)}"
