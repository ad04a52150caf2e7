"""What every verb with a radio needs: the choice of radio, the event loop, quiet libraries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from ophion.errors import UsageError

T = TypeVar("T")
Radio = Annotated[
    str | None,
    typer.Option(
        "--radio",
        envvar="OPHION_RADIO",
        metavar="RADIO",
        help="os (default), sim, sim:DIR or bumble:TRANSPORT.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=0.1, max=600, metavar="SECONDS", help="How long to look for the device."),
]
TIMEOUT_S = 15.0
Ble = Annotated[
    str | None, typer.Option("--ble", metavar="NAME", help="Bluetooth name or address of the device.")
]
Udp = Annotated[
    str | None, typer.Option("--udp", metavar="HOST:PORT", help="Instead: its address, for SMP over UDP.")
]
Serial = Annotated[
    str | None, typer.Option("--serial", metavar="PATH", help="Instead: the serial port of its console.")
]
SerialRaw = Annotated[
    str | None,
    typer.Option("--serial-raw", metavar="PATH", help="Instead: a serial port that carries only SMP."),
]
_NOISY = ("smpclient", "bumble", "bleak", "asyncio")


def quiet_libraries() -> None:
    """Switch their logs off: what goes wrong is raised, and they would only repeat it, images included."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def device_of(ble: str | None, udp: str | None, serial: str | None, serial_raw: str | None) -> str:
    """The device that exactly one of the options names, as `ophion.push.Link` takes it."""
    found = [f"{kind}{value}" for kind, value in _kinds(ble, udp, serial, serial_raw) if value]
    if len(found) != 1:
        raise UsageError("name the device with one of --ble, --udp, --serial and --serial-raw")
    return found[0]


def _kinds(*values: str | None) -> list[tuple[str, str | None]]:
    return list(zip(("", "udp:", "serial:", "raw:"), values, strict=True))


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
