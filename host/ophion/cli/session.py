"""What every verb with a radio needs: the choice of radio, the event loop, quiet libraries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from ophion.cli.complete import radios

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
    return await work()
