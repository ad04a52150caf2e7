"""`ophion push`: bring an image to a device and see it run."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from ophion.cli.complete import keys
from ophion.cli.device_verbs import device
from ophion.cli.key_verbs import PassphraseFile
from ophion.cli.output import Json, clean, print_json
from ophion.cli.session import run_async
from ophion.cli.targets import takes_devices, target

if TYPE_CHECKING:
    from ophion.push import Event

SigningKey = Annotated[
    str | None,
    typer.Option(
        "--key",
        "-k",
        metavar="URI",
        autocompletion=keys,
        help="Sign a folder with this key (default: of its ophion.toml).",
    ),
]
AtOnce = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="How many devices at the same time.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.command("push")(takes_devices(push_image))
    device.command("rollback")(takes_devices(rollback))


Confirm = Annotated[
    bool, typer.Option("--confirm", help="Confirm it from here instead of waiting for the application.")
]
Wait = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="How long the new image may take to run.")
]
Retries = Annotated[int, typer.Option(min=0, max=100, help="Failed connections in a row before giving up.")]


def push_image(
    image: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGE...",
            help="A signed image (default: of the application here); application and runtime together; or an "
            "application's folder, which is built and signed.",
        ),
    ] = None,
    confirm: Confirm = False,
    reset: Annotated[
        bool, typer.Option("--reset/--no-reset", help="Restart the device, or leave that to somebody else.")
    ] = True,
    wait: Wait = 120.0,
    retries: Retries = 5,
    watch: Annotated[
        bool, typer.Option("--watch", help="Build, sign and push the folder again whenever a file is saved.")
    ] = False,
    key: SigningKey = None,
    passphrase_file: PassphraseFile = None,
    at_once: AtOnce = 4,
    as_json: Json = False,
) -> None:
    """Upload an image, have it tried, wait until it runs and is confirmed.

    Several devices are updated at once; one that fails does not stop the others. The exit code is then that
    of the failures if they have one in common, else 1.
    """
    from ophion.cli.push_many import push_on_save, push_to_many
    from ophion.cli.push_source import source_of
    from ophion.push import PushOptions, push

    aim = target()
    devices = aim.some
    options = PushOptions(
        confirm=confirm,
        restart=reset,
        retries=retries,
        wait_s=wait,
        connect_s=aim.timeout_s,
        access=aim.access,
    )
    source = source_of(image or [], key, passphrase_file, watch)
    if watch:
        push_on_save(source, options, at_once, as_json)
        return
    loaded, warnings = source.images()
    for warning in () if as_json else warnings:
        typer.echo(clean(f"warning: {warning}"), err=True)
    if len(devices) > 1:
        push_to_many(loaded, options, at_once, as_json)
    else:
        _follow(lambda: push(loaded, aim.one, options), as_json)


def rollback(
    confirm: Confirm = False, wait: Wait = 120.0, retries: Retries = 5, as_json: Json = False
) -> None:
    """Have the device run the application that it had before; nothing is sent."""
    from ophion.push import PushOptions, roll_back

    aim = target()
    options = PushOptions(
        confirm=confirm, retries=retries, wait_s=wait, connect_s=aim.timeout_s, access=aim.access
    )
    _follow(lambda: roll_back(aim.one, options), as_json)


def _follow(start: Callable[[], AsyncGenerator[Event, None]], as_json: bool) -> None:
    """Show the events of a push to one device."""
    view = _view(as_json)

    async def work() -> None:
        async with aclosing(start()) as events:
            async for event in events:
                view.take(event)

    try:
        run_async(target().radio, work)
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
        from ophion.cli.bars import upload_bars

        self._bar = upload_bars("uploading")
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
