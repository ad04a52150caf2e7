"""`ophion push`: bring an image to a device and see it run."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

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
Confirm = Annotated[
    bool, typer.Option("--confirm", help="Confirm it from here instead of waiting for the application.")
]
Wait = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="How long the new image may take to run.")
]
Retries = Annotated[
    int, typer.Option(min=0, max=100, metavar="N", help="Failed connections in a row before giving up.")
]
Images = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="IMAGE...",
        help="A signed image (default: of the application here); application and runtime together; or an "
        "application's folder, which is built and signed.",
    ),
]
Restart = Annotated[
    bool, typer.Option("--reset/--no-reset", help="Restart the device, or leave that to somebody else.")
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Build, sign and push the folder again whenever a file is saved.")
]
Bases = Annotated[
    list[Path] | None,
    typer.Option(
        "--base", metavar="OLD", help="Image that the device may run, or a folder of them: sends a delta."
    ),
]
DecryptKeys = Annotated[
    list[Path] | None,
    typer.Option(
        "--enc-key", metavar="PEM", help="Private key that opens encrypted images, to make a delta of them."
    ),
]
Compress = Annotated[
    bool, typer.Option("--compress", help="Send the image compressed, if that is the smallest.")
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Tell in which forms it could be sent, and how large each is.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.command("push")(takes_devices(push_image))
    device.command("rollback")(takes_devices(rollback))


def push_image(
    image: Images = None,
    confirm: Confirm = False,
    reset: Restart = True,
    wait: Wait = 120.0,
    retries: Retries = 5,
    watch: Watch = False,
    key: SigningKey = None,
    passphrase_file: PassphraseFile = None,
    at_once: AtOnce = 4,
    base: Bases = None,
    enc_key: DecryptKeys = None,
    compress: Compress = False,
    explain: Explain = False,
    as_json: Json = False,
) -> None:
    """Send an image to a device, and wait until it runs for good.

    Several devices are updated at once; one that fails does not stop the others. The exit code is then that
    of the failures if they have one in common, else 1.
    """
    from ophion.cli.push_many import push_on_save, push_to_many
    from ophion.cli.push_source import source_of
    from ophion.keys import load_device_key
    from ophion.package import load_images
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
        bases=[one for path in base or [] for one in load_images(path)],
        enc_keys=[load_device_key(path).entry for path in enc_key or []],
        compress=compress,
        explain=explain,
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
        _follow(lambda: push(loaded, aim.one, options), as_json, explain)


def rollback(
    confirm: Confirm = False, wait: Wait = 120.0, retries: Retries = 5, as_json: Json = False
) -> None:
    """Have the device run what it ran before; nothing is sent."""
    from ophion.push import PushOptions, roll_back

    aim = target()
    options = PushOptions(
        confirm=confirm, retries=retries, wait_s=wait, connect_s=aim.timeout_s, access=aim.access
    )
    _follow(lambda: roll_back(aim.one, options), as_json)


def _follow(start: Callable[[], AsyncGenerator[Event, None]], as_json: bool, explain: bool = False) -> None:
    """Show the events of a push to one device."""
    view = _view(as_json, explain)

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


def _view(as_json: bool, explain: bool) -> _View:
    if as_json:
        return _JsonView()
    return _BarView(explain) if sys.stdout.isatty() else _LineView(explain)


class _JsonView:
    def take(self, event: Event) -> None:
        print_json(event.to_json())

    def close(self) -> None:
        pass


class _LineView:
    """For pipes and logs: one line per step, none for progress."""

    def __init__(self, explain: bool) -> None:
        self._explain = explain

    def take(self, event: Event) -> None:
        line = describe_event(event, self._explain)
        if line:
            typer.echo(line)
            sys.stdout.flush()

    def close(self) -> None:
        pass


class _BarView:
    """For a terminal: the same lines, and a bar with rate and time left while bytes go over."""

    def __init__(self, explain: bool) -> None:
        from ophion.cli.bars import upload_bars

        self._explain = explain
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
            self._bar.refresh()
        self._bar.console.print(describe_event(event, self._explain), markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


_CONFIRMED = {"application": "by the application", "host": "from here", "before": "already"}


def describe_event(event: Event, explain: bool = False) -> str:
    """One line for people; "" for an event that only a bar shows. `explain` adds one for each form."""
    value = event.to_json()
    if event.kind == "chosen":
        return clean("\n".join(_chosen(value, explain)))
    value["mtu_text"] = f"MTU {value['mtu']}, " if value.get("mtu") else ""
    value["what"] = "runtime " if value.get("image") else ""
    value["by_text"] = _CONFIRMED.get(value.get("by", ""), "")
    lines = {
        "connected": "connected to {device}, {mtu_text}requests of up to {buf_size} bytes",
        "patched": "{what}version {version} made of the patch: {report}",
        "resumed": "{what}{offset} of {total} bytes are there already, the upload goes on",
        "uploading": "",
        "uploaded": "uploaded {what}{sent} of {total} bytes in {seconds:.1f} s",
        "marked": "{what}verified by the device, to be tried at the next boot",
        "resetting": "the device restarts",
        "reconnecting": "connecting again (try {attempt}): {reason}",
        "running": "{what}version {version} runs",
        "confirmed": "{what}version {version} is confirmed {by_text}",
    }
    return clean(lines[event.kind].format(**value))


def _chosen(value: dict[str, Any], explain: bool) -> list[str]:
    """In which form an image is sent, and (with `explain`) what there was to choose from."""
    what = "runtime: " if value["image"] else ""
    lines = [f"{what}sending the {value['form']} image, {value['size']} bytes"]
    if value["form"] != "full":
        percent = 100 * value["size"] / value["total"]
        name = "delta" if value["form"] == "delta" else f"{value['form']} image"
        lines = [f"{what}sending a {name} of {value['size']} bytes, {percent:.1f} % of the image"]
    if explain:
        for one in value["possibilities"]:
            size = "-" if one["size"] is None else str(one["size"])
            lines.append(f"  {one['form']:<12}{size:>9}  {one['reason']}".rstrip())
    elif value["reason"]:
        lines[0] += f" ({value['reason']})"
    return lines
