"""Modules of an application that have the name of another: on a device only one of the two is imported.

A device looks in the image, in lib/ of the image, then in what is frozen into its firmware
(`ophion_boot.main`); built-in modules of MicroPython come first, or last where they may be extended
(MicroPython docs, "Extending built-in libraries from Python").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ophion.build.layout import Layout


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIRST = _names("_asyncio _thread builtins cmath deflate framebuf gc math micropython sys tls uctypes vfs")
"""Built-in modules that no file can stand in for."""

LAST = _names(
    "array binascii collections cryptolib errno hashlib heapq io json machine os platform random re "
    "select socket struct time websocket"
)
"""Built-in modules that a file of the same name hides."""

_OF_CHIPS = _names("_espnow _onewire bluetooth btree esp esp32 network")
_LOADED = frozenset(("ophion_boot", "ophion_layout"))
_FROZEN = frozenset(("asyncio", "ophion_app", "uasyncio"))
_OF_STOCK = _names(
    "aioespnow apa106 dht ds18x20 espnow flashbdev inisetup mip neopixel ntptime onewire requests ssl "
    "umqtt upysh urequests webrepl webrepl_setup"
)
_LIB = "lib/"


def clashes(paths: Iterable[str], layouts: Sequence[Layout] = ()) -> list[str]:
    """One line for each module among `paths` (of an image) that is not the only one of its name.

    `layouts` are the boards that it is for; none: what all of them have frozen in.
    """
    names = {path: _name(path.removeprefix(_LIB)) for path in paths}
    own = {name for path, name in names.items() if not path.startswith(_LIB)}
    frozen = {name: layout.name for layout in layouts for name in _frozen(layout)}
    found: dict[str, str] = {}
    for path, name in sorted(names.items()):
        if not name:
            continue
        place = f"{_LIB if path.startswith(_LIB) else ''}{name}"
        reason = _reason(name, frozen)
        if path.startswith(_LIB) and name in own:
            reason = f"is never imported: the application has a module {name}, which is found first"
        if reason:
            found.setdefault(place, f"{place} {reason}")
    return [*found.values(), *_behind_folders(list(names))]


def _reason(name: str, frozen: dict[str, str]) -> str:
    if name in FIRST or (name[:1] == "u" and name[1:] in LAST):
        return "is never imported: MicroPython has a built-in module of that name"
    if name in LAST:
        return "hides the built-in module of that name"
    if name in _OF_CHIPS:
        return "has the name of a built-in module of the chips"
    if name in _LOADED:
        return "is never imported: the bootloader has loaded its own"
    if name in _FROZEN:
        return "hides the frozen module of that name, also from the update service"
    if name in frozen:
        return f"hides the module of that name in the firmware of {frozen[name]}"
    return ""


def _frozen(layout: Layout) -> Iterable[str]:
    """What a board's firmware has frozen in beside what all have."""
    from ophion.build.boarddir import PORT_MODULES

    if layout.port in ("unix", "qemu"):
        return ()
    return (name.removesuffix(".py") for name in PORT_MODULES) if layout.port == "esp32" else _OF_STOCK


def _name(path: str) -> str:
    """The module that can be imported by the first part of `path`, "" for a file that is none."""
    first, slash, _ = path.partition("/")
    if slash:
        return first
    stem, _, suffix = first.rpartition(".")
    return stem if suffix in ("py", "mpy") else ""


def _behind_folders(paths: list[str]) -> list[str]:
    """Modules with a folder of their name beside them, which MicroPython takes instead."""
    folders = {"/".join(parts[:count]) for parts in map(_parts, paths) for count in range(1, len(parts))}
    modules = [path for path in paths if path.endswith((".py", ".mpy"))]
    behind = sorted(path for path in modules if path.rpartition(".")[0] in folders)
    return [f"{path} is never imported: there is a folder {path.rpartition('.')[0]}" for path in behind]


def _parts(path: str) -> list[str]:
    return path.split("/")
