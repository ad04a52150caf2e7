"""`ophion push`: bring an image to a device and see it run."""

from __future__ import annotations

import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from ophion.cli.access_options import current_access, takes_access
from ophion.cli.here import made_here
from ophion.cli.output import Json, clean, print_json
from ophion.cli.session import (
    TIMEOUT_S,
    Ble,
    Radio,
    Serial,
    SerialRaw,
    Timeout,
    Udp,
    device_of,
    run_async,
)

if TYPE_CHECKING:
    from ophion.push import Event


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.command("push")(takes_access(push_image))


def push_image(
    image: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGE...",
            help="A signed image (default: of the application here); application and runtime together.",
        ),
    ] = None,
    ble: Ble = None,
    udp: Udp = None,
    serial: Serial = None,
    serial_raw: SerialRaw = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Confirm it from here instead of waiting for the application.")
    ] = False,
    reset: Annotated[
        bool, typer.Option("--reset/--no-reset", help="Restart the device, or leave that to somebody else.")
    ] = True,
    wait: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long the new image may take to run.")
    ] = 120.0,
    retries: Annotated[
        int, typer.Option(min=0, max=100, help="Failed connections in a row before giving up.")
    ] = 5,
    timeout: Timeout = TIMEOUT_S,
    radio: Radio = None,
    as_json: Json = False,
) -> None:
    """Upload an image, have it tried, wait until it runs and is confirmed."""
    from ophion.package import load_image

    device = device_of(ble, udp, serial, serial_raw)
    loaded = [load_image(path) for path in image or [made_here("bin")]]
    view = _view(as_json)

    async def work() -> None:
        from ophion.push import PushOptions, push

        options = PushOptions(
            confirm=confirm,
            restart=reset,
            retries=retries,
            wait_s=wait,
            connect_s=timeout,
            access=current_access(),
        )
        async with aclosing(push(loaded, device, options)) as events:
            async for event in events:
                view.take(event)

    try:
        run_async(radio, work)
    finally:
        view.close()


class _View(Protocol):
    def take(self, event: Event) -> None: ...

    def close(self) -> None: ...


def _view(as_json: bool) -> _View:
    if as_json:
        return _JsonView()
    return _BarView() if sys.stdout.isatty() else _LineView()


class _JsonView:
    def take(self, event: Event) -> None:
        print_json(event.to_json())

    def close(self) -> None:
        pass


class _LineView:
    """For pipes and logs: one line per step, none for progress."""

    def take(self, event: Event) -> None:
        line = describe_event(event)
        if line:
            typer.echo(line)
            sys.stdout.flush()

    def close(self) -> None:
        pass


class _BarView:
    """For a terminal: the same lines, and a bar with rate and time left while bytes go over."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (TextColumn("uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(*columns, TimeRemainingColumn(), transient=True)
        self._task = self._bar.add_task("upload", visible=False)
        self._bar.start()

    def take(self, event: Event) -> None:
        value = event.to_json()
        if event.kind == "uploading":
            self._bar.update(self._task, completed=value["offset"], total=value["total"], visible=True)
            return
        if event.kind in ("uploaded", "reconnecting"):
            # However fast it was: the last of it is seen.
            self._bar.refresh()
            self._bar.update(self._task, visible=False)
        self._bar.console.print(describe_event(event), markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


def describe_event(event: Event) -> str:
    """One line for people; "" for an event that only a bar shows."""
    value = event.to_json()
    value["mtu_text"] = f"MTU {value['mtu']}, " if value.get("mtu") else ""
    value["what"] = "runtime " if value.get("image") else ""
    lines = {
        "connected": "connected to {device}, {mtu_text}requests of up to {buf_size} bytes",
        "resumed": "{what}{offset} of {total} bytes are there already, the upload goes on",
        "uploading": "",
        "uploaded": "uploaded {what}{sent} of {total} bytes in {seconds:.1f} s",
        "marked": "{what}verified by the device, to be tried at the next boot",
        "resetting": "the device restarts",
        "reconnecting": "connecting again (try {attempt}): {reason}",
        "running": "{what}version {version} runs",
        "confirmed": "{what}version {version} is confirmed ({by})",
    }
    return clean(lines[event.kind].format(**value))
