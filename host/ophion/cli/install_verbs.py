"""`ophion install`, `uninstall`, `flash`: firmware of chips, as files and over a cable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ophion.cli.complete import ports
from ophion.cli.here import made_file
from ophion.cli.output import Json, byte_count, print_json, show
from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion.install import Composed, Firmware
    from ophion.install.record import Record
    from ophion.install.steps import Step
    from ophion.keys import PublicKey
    from ophion.keys.chain import Chain

Port = Annotated[
    str, typer.Option("--port", "-p", metavar="PORT", autocompletion=ports, help="Serial port of the board.")
]
Baud = Annotated[int, typer.Option(min=9600, metavar="N", help="Speed of the serial port.")]
RecordFolder = Annotated[
    Path | None,
    typer.Option("--record", metavar="DIR", help="What the board was before (default: ophion-MAC)."),
]
FirstImage = Annotated[
    Path | None,
    typer.Option("--app", metavar="IMAGE", help="Signed application that it starts with, or its folder."),
]
Keys = Annotated[
    list[Path] | None, typer.Option("--key", "-k", metavar="PUB", help="Key that the device trusts.")
]
Roots = Annotated[
    Path | None, typer.Option("--roots", metavar="CHAIN", help="Root set that the device trusts.")
]
Size = Annotated[int | None, typer.Option(parser=byte_count, metavar="SIZE", help="Size of the update slot.")]
FlashSize = Annotated[
    int | None,
    typer.Option(
        "--flash-size", parser=byte_count, metavar="SIZE", help="What the board has (default: found out)."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.command("install")(install)
    app.command("uninstall")(uninstall)
    app.command("flash")(flash)


def install(
    firmware: Annotated[
        Path | None,
        typer.Argument(metavar="FIRMWARE", help="MicroPython's .bin; with --port: what the board has."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option("--image", metavar="OUT", help="Write a firmware file; no board.")
    ] = None,
    port: Annotated[
        str | None,
        typer.Option(
            "--port", "-p", metavar="PORT", autocompletion=ports, help="Change the board on this port."
        ),
    ] = None,
    app: FirstImage = None,
    key: Keys = None,
    roots: Roots = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the device in the air.")
    ] = "ophion",
    layout: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Update policy and flash map, instead of our own.")
    ] = None,
    slot: Size = None,
    flash_size: FlashSize = None,
    record: RecordFolder = None,
    baud: Baud = 460800,
    erase_user_files: Annotated[
        bool, typer.Option("--erase-user-files", help="Do not move the files that are on it.")
    ] = False,
    any_version: Annotated[
        bool, typer.Option("--any-version", help="Take a MicroPython that Ophion does not support.")
    ] = False,
    bytecode: Annotated[
        bool, typer.Option("--bytecode", help="No native code: slower, for any processor.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put Ophion on MicroPython's own build.

    Into a firmware file (--image), or onto the board on a port (--port). The partition table changes, the
    user's files move, bootloader and application come in. What this does not protect is printed.
    """
    from ophion.files import read_file, write_file
    from ophion.install import read_firmware

    if (image is None) == (port is None):
        raise UsageError("name either --image OUT or --port PORT")
    if image is not None and firmware is None:
        raise UsageError("which firmware?", "ophion install --image OUT FIRMWARE --app IMAGE --key PUB")
    given = read_firmware(read_file(firmware, "firmware"), str(firmware), any_version) if firmware else None
    recipe = _Recipe(app, key, roots, name, layout, slot, flash_size, erase_user_files, not bytecode)
    if image is not None and given is not None:
        made = recipe.compose(given, given)
        write_file(image, made.file())
        _say_image(made, image, as_json)
    elif port is not None:
        _install_board(port, baud, record, given, recipe, any_version, as_json)


def uninstall(
    port: Port,
    record: Annotated[
        Path, typer.Option("--record", metavar="DIR", help="What `ophion install` kept of this board.")
    ],
    baud: Baud = 460800,
    as_json: Json = False,
) -> None:
    """Give a board back, as it was before `ophion install`.

    Its whole flash is written, byte for byte. Files of the user that are new or changed since are kept in
    DIR/files.
    """
    from ophion.errors import InputError
    from ophion.install import read_firmware
    from ophion.install.board import users_changes
    from ophion.install.cable import Esptool
    from ophion.install.record import GIVEN_BACK, load_record
    from ophion.install.steps import restoring, write

    kept = load_record(record)
    before = kept.flash()
    table_at = read_firmware(before, str(record), any_version=True, board_build=True).table_at
    with closing(Esptool(port, baud)) as cable:
        kept.check(cable)
        try:
            changed = users_changes(cable, kept)
        except InputError as error:
            changed = {}
            if not as_json:
                typer.echo(f"the user's files are not kept: {error.message}")
        kept.keep_files(changed)
        _follow(write(cable, restoring(before, table_at)), as_json)
        cable.restart()
        kept.in_state(GIVEN_BACK)
    value = {"chip": kept.chip, "mac": kept.mac, "restored": len(before), "files": sorted(changed)}
    words = [f"{port}: the {kept.chip} {kept.mac} is as it was"]
    words += [f"kept: {record / 'files' / path}" for path in sorted(changed)]
    show(as_json, value, "\n".join(words))


def flash(
    firmware: Annotated[Path, typer.Argument(metavar="FIRMWARE", help="firmware.bin of a board build.")],
    port: Port,
    board: Annotated[
        str,
        typer.Option("--board", metavar="BOARD", help="The board that it was built for, or a layout.toml."),
    ],
    app: FirstImage = None,
    key: Keys = None,
    roots: Roots = None,
    baud: Baud = 460800,
    as_json: Json = False,
) -> None:
    """Write a board build to the board on a port.

    It is read back. NVS and the user's files stay.
    """
    from ophion.build.boards import board_layout
    from ophion.build.layout import load_layout
    from ophion.files import read_file
    from ophion.install import read_firmware
    from ophion.install.board import board_regions
    from ophion.install.cable import Esptool
    from ophion.install.steps import write

    layout = load_layout(Path(board) if board.endswith(".toml") else board_layout(board))
    found = read_firmware(read_file(firmware, "firmware"), str(firmware), board_build=True)
    application = _application(app, key, roots, layout.hw)
    with closing(Esptool(port, baud)) as cable:
        regions = board_regions(found, layout, cable, application)
        _follow(write(cable, regions), as_json)
        cable.restart()
        value = {
            "chip": cable.chip,
            "mac": cable.mac,
            "board": layout.name,
            "version": found.version,
            "bytes": sum(len(region.data) for region in regions),
        }
        show(as_json, value, f"{port}: {layout.name} with MicroPython {found.version} is on {cable.mac}")


class _Recipe:
    """The options of an installation that do not depend on where it goes."""

    def __init__(
        self,
        app: Path | None,
        keys: Sequence[Path] | None,
        roots: Path | None,
        name: str,
        layout: Path | None,
        slot: int | None,
        flash_size: int | None,
        erase: bool,
        native: bool,
    ) -> None:
        from ophion.build.boards import board_layout
        from ophion.build.layout import NAME_MAX, load_layout

        if not keys and not roots:
            raise UsageError("a device needs a key to trust", "add --key KEY.pub or --roots ROOTS.chain")
        if not 1 <= len(name.encode()) <= NAME_MAX:
            raise UsageError(f"a name in the air has 1 to {NAME_MAX} bytes")
        if layout is not None and (slot or flash_size):
            raise UsageError("--layout has a flash map: --slot and --flash-size divide another one")
        self._keys, self._roots = keys, roots
        _application(app, keys, roots)  # what no device would take is refused before anything is read
        self._app = app
        self.name, self._slot, self._flash_size = name, slot, flash_size
        self._policy = load_layout(layout or board_layout("stock"))
        self._own_map = layout is not None
        self._erase, self._native = erase, native
        if self._policy.port != "stock":
            raise UsageError(f'{layout}: board.port is {self._policy.port!r}, not "stock"')

    def compose(self, firmware: Firmware, users: Firmware | None, flash_size: int = 0) -> Composed:
        """Ophion on `firmware`, with the user's files that `users` has."""
        from ophion.install import compose, device_files, divide

        if firmware.installed:
            raise UsageError(
                "this firmware has Ophion on it already",
                "take MicroPython's own; a board takes updates now: `ophion push`",
            )
        layout = self._policy
        if not self._own_map:
            layout = divide(firmware, layout, self._slot or 0, self._flash_size or flash_size)
        keys, chain = _trusted(self._keys, self._roots)
        trusted = [public.mcuboot for public in keys]
        files = device_files(layout, self.name, trusted, chain.data if chain else b"", self._native)
        application = _application(self._app, self._keys, self._roots, layout.hw)
        return compose(firmware, layout, files, application, None if self._erase else users)


def _install_board(
    port: str,
    baud: int,
    folder: Path | None,
    given: Firmware | None,
    recipe: _Recipe,
    any_version: bool,
    as_json: bool,
) -> None:
    from ophion.install.board import FLASH_MOST, check_chip, known, runtime_regions
    from ophion.install.cable import Esptool
    from ophion.install.record import INSTALLED, back_up, load_record
    from ophion.install.steps import write

    with closing(Esptool(port, baud)) as cable:
        place = folder or Path(f"ophion-{cable.mac}")
        kept = known(cable, place)
        if kept is None:
            _follow(back_up(cable, place), as_json)
            kept = load_record(place)
        check_chip(given, cable)
        before = _before(kept, given, any_version)
        if given is None and before is not None and before.installed:
            kept.drop()  # a copy of what Ophion made is no way back
            raise UsageError(
                "this board has Ophion on it already",
                "push updates to it, or `ophion uninstall` with the folder that its installation kept",
            )
        base = given or before
        assert base is not None
        made = recipe.compose(base, before, min(cable.flash_size, FLASH_MOST))
        regions = [*(runtime_regions(given) if given else []), *made.regions]
        _follow(write(cable, regions), as_json)
        kept.in_state(INSTALLED)
        cable.restart()
    value = {"port": port, "mac": kept.mac, "record": str(place), **_told(made)}
    words = [
        f"{port}: Ophion is on {kept.mac}",
        f"keep the folder {place}: `ophion uninstall` gives the board back with it",
        *_words(made),
        f"next: ophion push IMAGE --ble {recipe.name}",
    ]
    show(as_json, value, "\n".join(words))


def _before(kept: Record, given: Firmware | None, any_version: bool) -> Firmware | None:
    """What the board had; None when that is no MicroPython, and another firmware is given."""
    from ophion.errors import InputError
    from ophion.install import read_firmware

    try:
        return read_firmware(kept.flash(), "the board", any_version or given is not None)
    except InputError:
        if given is None:
            raise
        return None


def _trusted(keys: Sequence[Path] | None, roots: Path | None) -> tuple[list[PublicKey], Chain | None]:
    """The keys and the root set that a device is to trust; sample keys are refused."""
    from ophion.keys import load_public, refuse_sample
    from ophion.keys.chain import load_chain

    found = [load_public(path) for path in keys or []]
    for public in found:
        refuse_sample(public)
    chain = load_chain(roots) if roots else None
    if chain is not None:
        chain.refuse_samples()
    return found, chain


def _application(
    path: Path | None, keys: Sequence[Path] | None, roots: Path | None, hardware: str = ""
) -> bytes:
    """The first image, once the device's own code has taken it; b"" when there is none."""
    from ophion.build.device_module import root_set
    from ophion.package import load_image, verify_image

    if path is None:
        return b""
    image = load_image(made_file(path, "bin"))
    found, chain = _trusted(keys, roots)
    if found or chain:
        held = root_set(chain.data) if chain else None
        verify_image(image, found, roots=held, hardware=hardware)
    return image.image


def _follow(steps: Iterable[Step], as_json: bool) -> None:
    """Show each step: a line for each new one, or JSON."""
    said = ""
    for step in steps:
        if as_json:
            print_json({"event": "step", "what": step.what, "done": step.done, "total": step.total})
        elif step.what != said:
            said = step.what
            typer.echo(f"{100 * step.done // step.total:>3} %  {said}")


def _told(made: Composed) -> dict[str, object]:
    """What an installation is, for programs."""
    from ophion.install.limits import LIMITS

    firmware, layout = made.firmware, made.layout
    return {
        "chip": firmware.chip,
        "micropython": firmware.version,
        "flash": layout.flash_size,
        "max_image": layout.max_image_size,
        "areas": {name: [area.offset, area.size] for name, area in layout.areas.items()},
        "moved": list(made.moved),
        "not_protected": list(LIMITS),
    }


def _words(made: Composed) -> list[str]:
    """The same for people."""
    from ophion.build.partitions import picture
    from ophion.install.limits import LIMITS

    firmware, layout = made.firmware, made.layout
    words = [f"{firmware.chip}, MicroPython {firmware.version}", picture(layout)]
    words.append(f"largest image: {layout.max_image_size} bytes")
    if made.moved:
        words.append(f"moved to the partition user: {', '.join(made.moved)}")
    if {"main.py", "boot.py"} & set(made.moved):
        words.append("main.py and boot.py of the user's do not run any more: the application does")
    return [*words, "what this does not protect:", *(f"- {limit}" for limit in LIMITS)]


def _say_image(made: Composed, path: Path, as_json: bool) -> None:
    firmware = made.firmware
    value = {"image": str(path), "at": firmware.file_at, **_told(made)}
    command = f"esptool --chip {firmware.chip} write-flash {firmware.file_at:#x} {path}"
    show(as_json, value, "\n".join([*_words(made), f"next: {command}"]))
