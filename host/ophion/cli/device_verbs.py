"""`ophion device`: look at a device and tell it what to do."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ophion.cli.complete import remember_devices, setting_names
from ophion.cli.draw import counter_text, slots, trust_text
from ophion.cli.output import Json, plain, plain_all, show, table
from ophion.cli.session import Radio, run_async
from ophion.cli.targets import takes_devices, target
from ophion.errors import RefusedError

if TYPE_CHECKING:
    from smp.image_management import ImageState

    from ophion.push import Link

_GONE_S = 5.0
_NOBODY = "no devices in range: is one switched on, and is nobody else connected to it?"
_MEANING = {
    "name": "heard from now on",
    "period_s": "counts from the next reset on",
}

device = typer.Typer(
    help="Look at a device and tell it what to do.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.add_typer(device, name="device")


@device.command("list")
def list_devices(
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, max=120, metavar="SECONDS", help="How long to listen.")
    ] = 4.0,
    radio: Radio = None,
    as_json: Json = False,
) -> None:
    """List the devices in range that can be updated."""

    async def work() -> list[dict[str, Any]]:
        from ophion.push import scan

        return [vars(found) for found in await scan(seconds)]

    if sys.stderr.isatty() and not as_json:
        typer.echo(f"listening for {seconds:g} s", err=True)
    found = run_async(radio, work)
    remember_devices(item["name"] or item["address"] for item in found)
    rows = [[item["name"] or "(no name)", item["address"], f"{item['rssi']} dBm"] for item in found]
    text = table(rows, ["NAME", "ADDRESS", "RSSI"]) if rows else _NOBODY
    show(as_json, {"devices": found}, text)


@device.command("info")
@takes_devices
def info(as_json: Json = False) -> None:
    """Show what the device is, and whether it is in recovery."""

    async def work(link: Link) -> dict[str, Any]:
        answer = await link.info()
        value = {
            key: getattr(answer, key)
            for key in ("name", "hw", "strategy", "boot", "mode", "runtime", "access")
        }
        with suppress(RefusedError):  # a new name is told here only after a reset
            value["name"] = (await link.settings())["name"]
        return {**value, "mtu": link.mtu, "buf_size": link.buf_size}

    value = _with_link(work)
    show(as_json, value, "\n".join(f"{key:<9} {item}" for key, item in value.items()))


@device.command("images")
@takes_devices
def images(as_json: Json = False) -> None:
    """Draw the slots: what is in them, what runs, what will."""

    async def work(link: Link) -> dict[str, Any]:
        return await _slots_of(link, await link.images())

    value = _with_link(work)
    show(as_json, value, slots(value["images"], value["slots"]))


@device.command("trust")
@takes_devices
def trust(as_json: Json = False) -> None:
    """Show what the device trusts and asks of images."""

    async def work(link: Link) -> dict[str, Any]:
        answer = (await link.trust()).model_dump(exclude={"header", "version", "sequence", "smp_data"})
        return cast("dict[str, Any]", plain_all(answer))

    value = _with_link(work)
    show(as_json, value, trust_text(value))


@device.command("deliver")
@takes_devices
def deliver(
    chain: Annotated[
        Path, typer.Argument(metavar="CHAIN", help="A chain file: rotation, revocation, roots.")
    ],
    as_json: Json = False,
) -> None:
    """Deliver the statements of a chain, without an image."""
    from ophion.keys.chain import load_chain

    data = load_chain(chain).data

    async def work(link: Link) -> list[str]:
        return await link.deliver(data)

    names = _with_link(work)
    name = target().one
    show(as_json, {"device": name, "statements": names}, f"{name} took {', '.join(names)}")


@device.command("logs")
@takes_devices
def logs(as_json: Json = False) -> None:
    """Show what happened to updates, and why; oldest first."""

    async def work(link: Link) -> list[dict[str, Any]]:
        return [entry.model_dump() for entry in await link.log()]

    value = _with_link(work)
    rows = [[str(item["n"]), item["event"], item["version"], item["reason"]] for item in value]
    text = table(rows, ["N", "EVENT", "VERSION", "REASON"]) if rows else "nothing happened yet"
    show(as_json, {"log": value}, text)


@device.command("counters")
@takes_devices
def counters(as_json: Json = False) -> None:
    """Show what the device counts.

    Events for ever, the rest since its last reset.
    """

    async def work(link: Link) -> dict[str, dict[str, int]]:
        return await link.counters()

    value = _with_link(work)
    rows = [
        [group, name, counter_text(group, name, n)]
        for group, fields in sorted(value.items())
        for name, n in fields.items()
    ]
    show(as_json, {"counters": value}, table(rows, ["GROUP", "COUNTER", "VALUE"]))


@device.command("settings")
@takes_devices
def settings(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[SETTING]",
            autocompletion=setting_names,
            help="Setting to change: name, or period_s (seconds between periodic resets).",
        ),
    ] = None,
    value: Annotated[
        str | None, typer.Argument(metavar="[VALUE]", help="Its value; '': the layout's own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the settings of the device, or change one."""
    from ophion.push.settings import setting

    if name is not None and value is None:
        raise typer.BadParameter(f"no value for {name}: give one, or '' for the layout's own")
    if name is not None and value is not None:
        setting(name, value)  # what cannot be is refused before anybody is looked for

    async def work(link: Link) -> dict[str, str | int]:
        if name is not None and value is not None:
            await link.set(name, value)
        return await link.settings()

    found = _with_link(work)
    lines = [
        f"{key:<9} {item}{'  (' + _MEANING[key] + ')' if key == name else ''}" for key, item in found.items()
    ]
    show(as_json, {"settings": found}, "\n".join(lines))


@device.command("confirm")
@takes_devices
def confirm(
    hash_: Annotated[
        str, typer.Option("--hash", metavar="HEX", help="Another image than the running one.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Confirm the running image: let it stay."""
    digest = _digest(hash_)

    async def work(link: Link) -> tuple[bool, dict[str, Any]]:
        confirmed = any(
            state.confirmed for state in await link.images() if digest in (None, state.hash) and state.active
        )
        return confirmed, await _slots_of(link, await link.confirm(digest))

    before, value = _with_link(work)
    word = "was confirmed already" if before else "is confirmed: it stays"
    show(as_json, value, f"{_version(value, digest)} {word}\n{slots(value['images'], value['slots'])}")


@device.command("reset")
@takes_devices
def reset(as_json: Json = False) -> None:
    """Restart the device."""
    _restart(lambda link: link.reset(), "restarts", as_json)


@device.command("recover")
@takes_devices
def recover(as_json: Json = False) -> None:
    """Restart the device into its recovery.

    There the bootloader takes updates, without the application.
    """
    _restart(lambda link: link.recover(), "restarts into its recovery", as_json)


def _restart(ask: Callable[[Link], Awaitable[None]], what: str, as_json: bool) -> None:
    async def work(link: Link) -> bool:
        await ask(link)
        return await link.wait_gone(_GONE_S)

    gone = _with_link(work)
    name = target().one
    text = f"{name} {what}" if gone else f"{name} accepted, but has not restarted yet"
    show(as_json, {"device": name, "restarted": gone}, text)


def _with_link(work: Callable[[Link], Awaitable[Any]]) -> Any:
    aim = target()
    name = aim.one

    async def connected() -> Any:
        from ophion.push import Link

        async with Link(name, aim.timeout_s, aim.access) as link:
            return await work(link)

    return run_async(aim.radio, connected)


async def _slots_of(link: Link, states: list[ImageState]) -> dict[str, Any]:
    """The image list, and the slots that hold it, in plain values."""
    return {
        "images": [{key: plain(item) for key, item in state.model_dump().items()} for state in states],
        "slots": [vars(slot) for slot in await link.slots(states)],
    }


def _version(value: dict[str, Any], digest: bytes | None) -> str:
    """The version of the image of this hash, or of the one that runs."""
    for image in value["images"]:
        if image["hash"] == digest.hex() if digest else image["active"]:
            return str(image["version"])
    return "the image"


def _digest(text: str) -> bytes | None:
    if not text:
        return None
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise typer.BadParameter("--hash is not 64 hexadecimal digits, as `ophion device images` prints")
    return digest
