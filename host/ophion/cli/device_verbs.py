"""`ophion device`: look at a device and tell it what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ophion.cli.access_options import current_access, takes_access
from ophion.cli.draw import slots, trust_text
from ophion.cli.output import Json, plain, plain_all, show, table
from ophion.cli.session import TIMEOUT_S, Radio, Timeout, run_async

if TYPE_CHECKING:
    from smp.image_management import ImageState

    from ophion.push import Link

Ble = Annotated[
    str,
    typer.Option(
        "--ble", "--device", metavar="NAME", help="Bluetooth name; or udp:HOST:PORT, serial:PATH, raw:PATH."
    ),
]

device = typer.Typer(
    help="Look at a device and tell it what to do.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.add_typer(device, name="device")


@device.command("list")
def list_devices(
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to listen.")] = 4.0,
    radio: Radio = None,
    as_json: Json = False,
) -> None:
    """List the devices in range that can be updated."""

    async def work() -> list[dict[str, Any]]:
        from ophion.push import scan

        return [vars(found) for found in await scan(seconds)]

    found = run_async(radio, work)
    rows = [[item["name"] or "(no name)", item["address"], f"{item['rssi']} dBm"] for item in found]
    text = table(rows, ["NAME", "ADDRESS", "RSSI"]) if rows else "no devices in range"
    show(as_json, {"devices": found}, text)


@device.command("info")
@takes_access
def info(ble: Ble, timeout: Timeout = TIMEOUT_S, radio: Radio = None, as_json: Json = False) -> None:
    """Show what the device is: hardware, bootloader, runtime, whether it is in recovery."""

    async def work(link: Link) -> dict[str, Any]:
        answer = await link.info()
        value = {
            key: getattr(answer, key)
            for key in ("name", "hw", "strategy", "boot", "mode", "runtime", "access")
        }
        return {**value, "mtu": link.mtu, "buf_size": link.buf_size}

    value = _with_link(ble, timeout, radio, work)
    show(as_json, value, "\n".join(f"{key:<9} {item}" for key, item in value.items()))


@device.command("images")
@takes_access
def images(ble: Ble, timeout: Timeout = TIMEOUT_S, radio: Radio = None, as_json: Json = False) -> None:
    """Show what the slots hold and what the next boot does."""

    async def work(link: Link) -> list[dict[str, Any]]:
        return _image_list(await link.images())

    value = _with_link(ble, timeout, radio, work)
    show(as_json, {"images": value}, slots(value))


@device.command("trust")
@takes_access
def trust(ble: Ble, timeout: Timeout = TIMEOUT_S, radio: Radio = None, as_json: Json = False) -> None:
    """Show what the device trusts, and what it asks of images at least."""

    async def work(link: Link) -> dict[str, Any]:
        return cast("dict[str, Any]", plain_all((await link.trust()).model_dump()))

    value = _with_link(ble, timeout, radio, work)
    show(as_json, value, trust_text(value))


@device.command("deliver")
@takes_access
def deliver(
    chain: Annotated[
        Path, typer.Argument(metavar="CHAIN", help="A chain file: rotation, revocation, roots.")
    ],
    ble: Ble,
    timeout: Timeout = TIMEOUT_S,
    radio: Radio = None,
    as_json: Json = False,
) -> None:
    """Deliver the statements of a chain to the device, without an image."""
    from ophion.keys.chain import load_chain

    data = load_chain(chain).data

    async def work(link: Link) -> list[str]:
        return await link.deliver(data)

    names = _with_link(ble, timeout, radio, work)
    show(as_json, {"device": ble, "statements": names}, f"{ble} took {', '.join(names)}")


@device.command("log")
@takes_access
def log(ble: Ble, timeout: Timeout = TIMEOUT_S, radio: Radio = None, as_json: Json = False) -> None:
    """Show what happened to updates on the device, with its reasons, oldest first."""

    async def work(link: Link) -> list[dict[str, Any]]:
        return [entry.model_dump() for entry in await link.log()]

    value = _with_link(ble, timeout, radio, work)
    rows = [[str(item["n"]), item["event"], item["version"], item["reason"]] for item in value]
    text = table(rows, ["N", "EVENT", "VERSION", "REASON"]) if rows else "nothing happened yet"
    show(as_json, {"log": value}, text)


@device.command("counters")
@takes_access
def counters(ble: Ble, timeout: Timeout = TIMEOUT_S, radio: Radio = None, as_json: Json = False) -> None:
    """Show what the device counts: events for ever, the rest since its last reset."""

    async def work(link: Link) -> dict[str, dict[str, int]]:
        return await link.counters()

    value = _with_link(ble, timeout, radio, work)
    rows = [[group, name, str(n)] for group, fields in sorted(value.items()) for name, n in fields.items()]
    show(as_json, {"counters": value}, table(rows, ["GROUP", "COUNTER", "VALUE"]))


@device.command("set")
@takes_access
def set_(
    name: Annotated[str, typer.Argument(metavar="SETTING", help="name, or period_s.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its value; empty: the layout's own.")],
    ble: Ble,
    timeout: Timeout = TIMEOUT_S,
    radio: Radio = None,
    as_json: Json = False,
) -> None:
    """Change a setting of the device for good: its name, or the seconds between its periodic resets."""

    async def work(link: Link) -> None:
        await link.set(name, value)

    _with_link(ble, timeout, radio, work)
    now = f"{value}" if value else "as its layout says"
    show(as_json, {"device": ble, "setting": name, "value": value}, f"{name} is {now}")


@device.command("confirm")
@takes_access
def confirm(
    ble: Ble,
    hash_: Annotated[
        str, typer.Option("--hash", metavar="HEX", help="Another image than the running one.")
    ] = "",
    timeout: Timeout = TIMEOUT_S,
    radio: Radio = None,
    as_json: Json = False,
) -> None:
    """Let the running image stay."""
    digest = _digest(hash_)

    async def work(link: Link) -> list[dict[str, Any]]:
        return _image_list(await link.confirm(digest))

    value = _with_link(ble, timeout, radio, work)
    show(as_json, {"images": value}, slots(value))


@device.command("reset")
@takes_access
def reset(
    ble: Ble,
    recovery: Annotated[bool, typer.Option("--recovery", help="Restart into the device's recovery.")] = False,
    timeout: Timeout = TIMEOUT_S,
    radio: Radio = None,
    as_json: Json = False,
) -> None:
    """Restart the device."""

    async def work(link: Link) -> bool:
        await (link.recover() if recovery else link.reset())
        return await link.wait_gone(5.0)

    gone = _with_link(ble, timeout, radio, work)
    text = f"{ble} restarts" if gone else f"{ble} accepted, but has not restarted yet"
    show(as_json, {"device": ble, "restarted": gone}, text)


def _with_link(ble: str, timeout: float, radio: str | None, work: Callable[[Link], Awaitable[Any]]) -> Any:
    async def connected() -> Any:
        from ophion.push import Link

        async with Link(ble, timeout, current_access()) as link:
            return await work(link)

    return run_async(radio, connected)


def _image_list(states: list[ImageState]) -> list[dict[str, Any]]:
    return [{key: plain(item) for key, item in state.model_dump().items()} for state in states]


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
