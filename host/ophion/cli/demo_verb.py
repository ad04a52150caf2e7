"""`ophion demo`: the whole of it, without hardware: seven updates on three devices, most of which go wrong.

Nothing here is simulated but the chip: the keys, images, verdicts, swaps and the radio protocol are
the real ones. The tables are read from the devices over Bluetooth.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ophion.cli.output import Json, print_json
from ophion.cli.session import quiet_libraries
from ophion.errors import OphionError, RefusedError, RevertedError

if TYPE_CHECKING:
    from ophion.package import ImageFile
    from ophion.sim import Simulator

NAME = "ophion-demo"
_ASSET_BYTES = 96 * 1024
_TABLES = {"1.4.0": "1.3.0"}
"""A version that keeps the asset of another one."""
_CUT_AT_OP = 61
_FOLLOW_S = 0.05
_BROKEN = 'print("1.2.0 starts")\nraise RuntimeError("the sensor of 1.2.0 is missing")\n'
# What the devices' own logs must show at the end, in this order.
GOLDEN = (("installed", "1.2.0"), ("crashed", "1.2.0"), ("reverted", "1.0.0"))
RELEASE = (
    ("installed", "1.2.0"),
    ("installed", "runtime 2.0.0"),
    ("crashed", "1.2.0"),
    ("reverted", "1.0.0"),
    ("reverted", "runtime"),
)
SWAPS = (
    ("installed", "1.1.0"),
    ("confirmed", "1.1.0"),
    ("refused", ""),
    ("installed", "1.2.0"),
    ("crashed", "1.2.0"),
    ("reverted", "1.1.0"),
    ("resumed", "1.3.0"),
    ("installed", "1.3.0"),
    ("confirmed", "1.3.0"),
    ("patched", "1.4.0"),
    ("installed", "1.4.0"),
    ("confirmed", "1.4.0"),
)


class DemoError(OphionError):
    """The device's log does not show what the demo did: a bug of ophion."""


@dataclass
class _Report:
    """Says what happens, for people or as JSON lines."""

    as_json: bool

    def step(self, text: str) -> None:
        if self.as_json:
            print_json({"event": "step", "text": text})
        else:
            typer.secho(f"\n== {text}", bold=True)

    def note(self, text: str) -> None:
        if self.as_json:
            print_json({"event": "note", "text": text})
        else:
            typer.echo(f"   {text}")

    def device(self, line: str) -> None:
        if self.as_json:
            print_json({"event": "console", "line": line})
        else:
            typer.secho(f"   device | {line}", fg="cyan")


def register(app: typer.Typer) -> None:
    """Add the verb to `app`."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Work in DIR (new) and leave everything there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show it all on simulated devices, in under a minute.

    An update, tampering, a crash, a power cut, a delta, a release of application and runtime.
    """
    report = _Report(as_json)
    quiet_libraries()
    if folder is not None:
        folder.mkdir(parents=True)
        asyncio.run(_run(folder, report))
        return
    with tempfile.TemporaryDirectory(prefix="ophion-demo-") as temporary:
        asyncio.run(_run(Path(temporary), report))


async def _run(folder: Path, report: _Report) -> None:
    from ophion.keys import generate

    report.step("Keys, and an application in five versions, built and signed")
    key = folder / "key.pem"
    public = generate(key)
    versions = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")
    images = {version: _image(folder, key, version, report) for version in versions}
    bench = _Bench(folder, key, public.raw, images, report)
    async with bench.device("sim") as device:
        await _swaps(device, bench)
    async with bench.device("sim-golden") as device:
        await _golden(device, bench)
    async with bench.device("sim-runtime") as device:
        await _release(device, bench)


@dataclass
class _Bench:
    """Where the demo works, what it signs with and what it has signed."""

    folder: Path
    key: Path
    public: bytes
    images: dict[str, ImageFile]
    report: _Report

    @asynccontextmanager
    async def device(self, board: str) -> AsyncGenerator[Simulator, None]:
        """A running device with 1.0.0; its console is passed on, its radio is the one that is used."""
        from ophion.build.boards import board_layout
        from ophion.push import use_radio
        from ophion.sim import Simulator

        device = await Simulator.create(
            self.folder / board,
            layout=board_layout(board),
            name=NAME,
            image=self.images["1.0.0"].image,
            keys=[self.public],
        )
        async with device:
            restore = use_radio(f"bumble:{device.transport}")
            follower = asyncio.create_task(_follow(device, self.report))
            try:
                yield device
            finally:
                follower.cancel()
                with suppress(asyncio.CancelledError):
                    await follower
                restore()


async def _swaps(device: Simulator, bench: _Bench) -> None:
    images, report = bench.images, bench.report
    report.step("A device with 1.0.0 (real MicroPython, its flash in a file, its radio by Bumble)")
    await device.wait_console("1.0.0")
    report.step("1.1.0 is pushed: uploaded, verified by the device, swapped in, tried, confirmed")
    await _push(images["1.1.0"], report)
    report.step("1.2.0 with one changed bit is pushed: the device refuses it")
    await _refused(_tampered(images["1.2.0"], bench.folder), report)
    report.step("1.2.0 itself is pushed: it crashes, and the device goes back by itself")
    await _reverted(images["1.2.0"], report)
    report.step("1.3.0 is pushed, and the power fails in the middle of the swap")
    await _power_cut(device, images["1.3.0"], report)
    report.step("1.4.0 is pushed as what has changed since 1.3.0: the device makes the image of that")
    await _push(images["1.4.0"], report, bases=[images["1.3.0"]])
    report.step("What happened, as the device tells it")
    await _table(report, SWAPS, "1.4.0")


async def _golden(device: Simulator, bench: _Bench) -> None:
    report = bench.report
    report.step("A device that keeps a factory image instead of the version before: 1.2.0 crashes there too")
    await device.wait_console("1.0.0")
    await _reverted(bench.images["1.2.0"], report)
    report.step("It restored the factory image")
    await _table(report, GOLDEN, "1.0.0")


async def _release(device: Simulator, bench: _Bench) -> None:
    report = bench.report
    report.step("A device whose runtime (MicroPython and the bootloader) is a second image")
    await device.wait_console("1.0.0")
    report.step("1.2.0 and runtime 2.0.0 are pushed as one release; the application crashes, both go back")
    await _reverted([bench.images["1.2.0"], _runtime(bench)], report)
    await _table(report, RELEASE, "1.0.0")


def _runtime(bench: _Bench) -> ImageFile:
    """Runtime 2.0.0 of the simulated board, signed."""
    from ophion.build.boards import board_layout
    from ophion.build.layout import load_layout
    from ophion.keys import open_signer
    from ophion.package import load_image
    from ophion.sign import sign
    from ophion.sim.firmware import runtime_image
    from ophion.versions import parse_version

    version = parse_version("2.0.0")
    payload = runtime_image(load_layout(board_layout("sim-runtime")), NAME, [bench.public], version)
    path = bench.folder / "runtime-2.0.0.bin"
    path.write_bytes(sign(payload, version, open_signer(f"file:{bench.key}")))
    return load_image(path)


def _image(folder: Path, key: Path, version: str, report: _Report) -> ImageFile:
    """Build and sign one version of the demo's application: the scaffold and an asset."""
    from ophion.build import build, new_app
    from ophion.keys import open_signer
    from ophion.package import load_image
    from ophion.sign import sign

    app = folder / f"app-{version}"
    new_app(app, "demo")
    config = app / "ophion.toml"
    config.write_text(config.read_text().replace("1.0.0", version))
    (app / "table.bin").write_bytes(random.Random(_TABLES.get(version, version)).randbytes(_ASSET_BYTES))
    if version == "1.2.0":
        (app / "main.py").write_text(_BROKEN)
    built = build(app)
    path = folder / f"{built.stem}.bin"
    path.write_bytes(sign(built.payload, built.config.version, open_signer(f"file:{key}")))
    image = load_image(path)
    report.note(f"{path.name}  {len(image.image)} bytes, hash {image.hash.hex()[:16]}...")
    return image


def _tampered(image: ImageFile, folder: Path) -> ImageFile:
    from ophion.package import load_image

    data = bytearray(image.image)
    data[len(data) // 2] ^= 1
    path = folder / "tampered.bin"
    path.write_bytes(data)
    return load_image(path)


async def _push(
    image: ImageFile | list[ImageFile],
    report: _Report,
    restart: bool = True,
    bases: Sequence[ImageFile] = (),
) -> None:
    from ophion.cli.push_verbs import describe_event
    from ophion.push import PushOptions, Uploading, push

    async with aclosing(push(image, NAME, PushOptions(restart=restart, bases=bases))) as events:
        async for event in events:
            if not isinstance(event, Uploading):
                report.note(describe_event(event))


async def _refused(image: ImageFile, report: _Report) -> None:
    try:
        await _push(image, report)
    except RefusedError as error:
        report.note(f"refused: {error.message}")
        return
    raise DemoError("the device took a tampered image")


async def _reverted(image: ImageFile | list[ImageFile], report: _Report) -> None:
    try:
        await _push(image, report)
    except RevertedError as error:
        report.note(f"reverted: {error.message}")
        return
    raise DemoError("the device kept an image that crashes")


async def _power_cut(device: Simulator, image: ImageFile, report: _Report) -> None:
    await _push(image, report, restart=False)
    await device.power_cut()
    report.note(f"switched on again; power will fail at flash operation {_CUT_AT_OP} of the boot")
    await device.power_on(cut_at_op=_CUT_AT_OP)
    await device.wait_off()
    report.note("off, with the swap half done; and on again")
    await device.power_on()
    await device.wait_console("1.3.0 runs")
    await device.wait_console("confirmed")


async def _table(report: _Report, expected: tuple[tuple[str, str], ...], version: str) -> None:
    """Show the device's log; DemoError unless it has `expected` in it, in order, and `version` runs."""
    from ophion.push import Link

    async with Link(NAME) as link:
        log = [(entry.event, entry.version, entry.reason) for entry in await link.log()]
        running = [state for state in await link.images() if state.active]
    for number, (event, of, reason) in enumerate(log, 1):
        report.note(f"{number:2}  {event:<10} {of:<14} {reason}")
    for state in running:
        what = "runtime " if state.image else ""
        report.note(f"runs now: {what}{state.version}, {'confirmed' if state.confirmed else 'on trial'}")
    rest = iter((event, of) for event, of, _ in log)
    missing = [row for row in expected if row not in rest]
    if missing or running[0].version != version:
        raise DemoError(f"the device's log does not show {missing or f'that {version} runs'}")


async def _follow(device: Simulator, report: _Report) -> None:
    """Pass on what the device prints, but for its heartbeat and the lines of a traceback."""
    shown = 0
    while True:
        lines = device.console
        for line in lines[shown:]:
            if "beat" not in line and not line.startswith(("  ", "Traceback")):
                report.device(line)
        shown = len(lines)
        await asyncio.sleep(_FOLLOW_S)
