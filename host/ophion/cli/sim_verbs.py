"""`ophion sim`: a device without hardware."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.cli.complete import board_names
from ophion.cli.here import made_file
from ophion.cli.output import Json, print_json, show
from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion.build.access import AccessPolicy
    from ophion.keys import PublicKey
    from ophion.sim import Cut, Simulator

FirstImage = Annotated[
    Path | None,
    typer.Option("--image", metavar="IMAGE", help="New device: image in its primary slot, or its folder."),
]
GoldenImage = Annotated[
    Path | None,
    typer.Option(metavar="IMAGE", help="New device: factory image (boards that have one; default --image)."),
]
TrustedKeys = Annotated[
    list[Path] | None, typer.Option("--key", "-k", metavar="PUB", help="New device: key it trusts.")
]
RootSet = Annotated[
    Path | None, typer.Option("--roots", metavar="CHAIN", help="New device: root set that it trusts.")
]
OtherMicroPython = Annotated[
    str | None,
    typer.Option(envvar="OPHION_MICROPYTHON", metavar="PATH", help="A micropython to run instead."),
]
DeviceKeys = Annotated[
    list[Path] | None,
    typer.Option("--enc-key", metavar="PEM", help="New device: private key for encrypted images."),
]
AccessMode = Annotated[
    str | None,
    typer.Option(
        "--access", metavar="MODE", help="New device: open, paired or token (default: the layout's)."
    ),
]
Operators = Annotated[
    list[Path] | None,
    typer.Option("--operator", metavar="PUB", help="New device: key of an operator (--access token)."),
]
DevicePasskey = Annotated[
    str | None,
    typer.Option("--passkey", metavar="PASSKEY", help="New device: none, random or six digits (paired)."),
]
LayoutFile = Annotated[
    Path | None, typer.Option(metavar="TOML", help="New device: flash map, instead of --board.")
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Where the device keeps its state.")]
New = Annotated[bool, typer.Option("--new", help="Make a new device, replacing one that is there.")]
CutAt = Annotated[
    int | None,
    typer.Option("--cut-at-op", min=1, metavar="N", help="Power fails in flash operation N; this ends."),
]
BoardName = Annotated[
    str,
    typer.Option(
        "--board",
        metavar="BOARD",
        autocompletion=board_names,
        help="New device: a board that comes with ophion.",
    ),
]
Udp = Annotated[
    str, typer.Option("--udp", metavar="HOST:PORT", help="New device: take updates over UDP there, too.")
]
SerialFraming = Annotated[
    str,
    typer.Option(
        "--serial", metavar="FRAMING", help="New device: over its UART, too (DIR/uart): console or raw."
    ),
]
FlashFile = Annotated[
    Path | None,
    typer.Option(
        "--flash", metavar="FILE", help="New device: an ESP32 with what `ophion install --image` wrote."
    ),
]
_FOLLOW_S = 0.1
_DEFAULT_DIR = Path(".ophion/sim")


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.command("sim")(sim)
    app.command("runtime")(runtime)


def sim(
    folder: Folder = _DEFAULT_DIR,
    new: New = False,
    image: FirstImage = None,
    golden: GoldenImage = None,
    key: TrustedKeys = None,
    roots: RootSet = None,
    enc_key: DeviceKeys = None,
    access: AccessMode = None,
    operator: Operators = None,
    passkey: DevicePasskey = None,
    layout: LayoutFile = None,
    board: BoardName = "sim",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="New device: name in the air.")
    ] = "ophion-sim",
    udp: Udp = "",
    serial: SerialFraming = "",
    flash: FlashFile = None,
    cut_at_op: CutAt = None,
    micropython: OtherMicroPython = None,
    as_json: Json = False,
) -> None:
    """Run a simulated device until Ctrl-C.

    Real MicroPython, a flash file, a Bluetooth radio.

    A folder without a device gets a new one, for which --image and --key (or --roots) are needed, or
    --flash.
    """
    from ophion.build.boards import board_layout
    from ophion.sim import Cut, Simulator

    fresh = new or not (folder / "sim.json").exists()
    policy = _access(access, operator or [], passkey)
    given = image or golden or key or roots or enc_key or layout or policy or udp or serial
    if not fresh and (given or flash):
        raise UsageError(
            f"{folder} holds a device already",
            f"`ophion sim {folder}` alone switches it on; --new replaces it by a new one",
        )
    if flash and given:
        raise UsageError("--flash is a whole device: --name goes with it, other options do not")
    if fresh and not key and not roots and not flash:
        raise UsageError(
            "a new device needs a key to trust", f"ophion sim {folder} --image IMAGE --key KEY.pub"
        )
    goods = _goods(image, golden, key or [], roots, enc_key or [])
    goods.update(name=name, access=policy, udp=udp, serial=serial)

    async def work() -> None:
        if flash:
            device = await _of_flash(folder, flash, name, micropython)
        elif fresh:
            where = layout or board_layout(board)
            device = await Simulator.create(folder, layout=where, micropython=micropython, **goods)
        else:
            device = Simulator.open(folder, micropython=micropython)
        await _run(device, Cut(cut_at_op) if cut_at_op else None, folder, as_json)

    with suppress(asyncio.CancelledError):  # SIGTERM: switched off as with Ctrl-C
        asyncio.run(work())


def _goods(
    image: Path | None, golden: Path | None, key: list[Path], roots: Path | None, enc_key: list[Path]
) -> dict[str, Any]:
    """What the files hold that a new device gets, as `Simulator.create` takes it. No sample keys."""
    from ophion.keys import load_device_key
    from ophion.keys.chain import load_chain
    from ophion.package import load_image

    root_set = load_chain(roots) if roots else None
    if root_set is not None:
        root_set.refuse_samples()
    return {
        "keys": [public.mcuboot for public in _trusted(key)],
        "enc_keys": [load_device_key(path).entry for path in enc_key],
        "image": load_image(made_file(image, "bin")).image if image else None,
        "golden": load_image(golden).image if golden else None,
        "roots": root_set.data if root_set else b"",
    }


def _trusted(paths: list[Path]) -> list[PublicKey]:
    """The keys in these files; KeyFileError for a published one."""
    from ophion.keys import load_public, refuse_sample

    keys = [load_public(path) for path in paths]
    for public in keys:
        refuse_sample(public)
    return keys


def runtime(
    version: Annotated[str, typer.Option("--version", metavar="X.Y.Z", help="Version of the runtime.")],
    key: Annotated[list[Path], typer.Option("--key", "-k", metavar="PUB", help="Key that it trusts.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write it.")],
    board: Annotated[
        str, typer.Option("--board", metavar="BOARD", help="A simulated board with app partitions.")
    ] = "sim-runtime",
    layout: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Its flash map, instead of --board.")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the device in the air.")
    ] = "ophion-sim",
    as_json: Json = False,
) -> None:
    """Make the runtime of a simulated board.

    Bootloader and frozen files, as an image to sign and push. For a chip this is the micropython.bin of
    its board build.
    """
    from ophion.build.boards import board_layout
    from ophion.build.layout import load_layout
    from ophion.files import write_file
    from ophion.sim.firmware import runtime_image
    from ophion.versions import parse_version

    spec = load_layout(layout or board_layout(board))
    if not spec.has_runtime:
        raise UsageError(f"{spec.name} has no app partitions", "its runtime cannot be updated over the air")
    keys = [public.raw for public in _trusted(key)]
    payload = runtime_image(spec, name, keys, parse_version(version))
    room = spec.max_runtime_size
    if len(payload) > room:
        raise UsageError(f"the runtime has {len(payload)} bytes, its partition takes {room}")
    write_file(out, payload, overwrite=True)
    show(as_json, {"runtime": str(out), "size": len(payload)}, f"{out}  {len(payload)} bytes of {room}")


def _access(mode: str | None, operators: list[Path], passkey: str | None) -> AccessPolicy | None:
    """The policy that the options say, None if they say nothing. Raises LayoutError, UsageError."""
    from ophion.build.access import RANDOM_PASSKEY, AccessPolicy, operator_keys

    if mode is None:
        if operators or passkey is not None:
            raise UsageError(
                "--operator and --passkey go with --access", "--access token, or --access paired"
            )
        return None
    return AccessPolicy(mode, operator_keys(operators), RANDOM_PASSKEY if passkey is None else passkey)


async def _of_flash(folder: Path, path: Path, name: str, micropython: str | None) -> Simulator:
    """A new device with the flash that the file `path` is of."""
    from ophion.files import read_file
    from ophion.install import read_firmware
    from ophion.sim import Simulator

    held = read_firmware(read_file(path, "flash"), str(path), any_version=True)
    return await Simulator.create(
        folder,
        name=name,
        flash=held.flash,
        flash_size=held.flash_size,
        table_at=held.table_at,
        micropython=micropython,
    )


async def _run(device: Simulator, cut: Cut | None, folder: Path, as_json: bool) -> None:
    """Switch `device` on and show its console, until its power is cut or somebody ends this process."""
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await device.start(cut)
        _announce(device.name, device.transport, folder, as_json)
        await _follow(device, as_json)
    finally:
        await device.stop()


def _announce(name: str, transport: str, folder: Path, as_json: bool) -> None:
    radio = f"sim:{folder}"
    if as_json:
        print_json({"event": "running", "name": name, "transport": transport, "radio": radio})
        return
    typer.echo(f"the device in {folder} runs; in another terminal: ophion push IMAGE --sim {folder}")
    typer.echo("Ctrl-C switches it off\n")


async def _follow(device: Simulator, as_json: bool) -> None:
    """Print what the device prints, until its power is cut."""
    shown = 0
    powered = True
    while powered:
        powered = device.powered
        lines = device.console
        for line in lines[shown:]:
            if as_json:
                print_json({"event": "console", "line": line})
            else:
                typer.echo(line)
        shown = len(lines)
        sys.stdout.flush()
        await asyncio.sleep(_FOLLOW_S)
