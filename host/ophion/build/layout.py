"""`layout.toml`: the one description of a board's flash and update policy, checked as a whole.

`load_layout` reads it; what a device has frozen in of it is made by `build.device_module`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ophion_boot.core.journal import TRIALS_MAX
from ophion_boot.core.runtime import room as payload_room
from ophion_boot.core.strategies import NAMES as STRATEGIES
from ophion_boot.core.strategies import strategy_class
from ophion_boot.fmt.key import ALGORITHMS

from ophion.build.access import AccessPolicy, read_access
from ophion.build.layout_error import LayoutError
from ophion.build.layout_esp32 import ESP32_PORTS, check_esp32
from ophion.build.toml_file import line_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_AREAS = {"esp32": ("nvs", "user"), "stock": ("nvs", "vfs", "user")}
"""Areas that each board of a port has; `areas` of its strategy's class has the names of the others."""
_OTHER_AREAS = ("state", "user")

_RUNTIME_AREAS = ("otadata", "ota_0", "ota_1")
"""Areas of a board whose runtime can be updated too: all of them or none."""
_PERIOD_MAX_S = 5 * 86400
_CLOCK = f"MicroPython's tick counter tells times of up to {_PERIOD_MAX_S} s apart"
_COUNT_MAX = 250
_PORT_MAX = 65535

PORTS = ("unix", "qemu", "esp32", "stock")
"""Modules of ophion_boot.port that have a Board; the first one when a layout names none."""

SMP_PARTS = ("os", "stat", "settings")
"""Groups of SMP commands that a board may leave out: date, time and what runs; counters; settings."""

FRAMINGS = ("console", "raw")
"""How SMP packets lie on a UART: lines of base64, or one behind the other."""

NAME_MAX = 29
"""BLE name in a scan response of 31 bytes (Core specification, Supplement part A, 1.2)."""


@dataclass(frozen=True)
class AreaSpec:
    """An area: `offset` and `size` in bytes."""

    offset: int
    size: int


@dataclass(frozen=True)
class Health:
    """The policy of `[health]` (bootloader/SPEC.md 10), in seconds and counts.

    period_s     the application is reset this often, at the latest; 0: never, and nobody asks for the flag
    jitter_s     the most that is added to it at random
    postpone_s   the most that an application may put it off
    settle_s     the update trigger can be reached for so long before the flag is set
    fresh_s      the flag is cleared when no report came for so long
    misses       so many in a row end an image's time
    warm_starts  so many soft resets and wake-ups from deep sleep in a row count as none
    confirm      who confirms an image on trial: "application", or "health", when the flag is set
    """

    period_s: int = 86400
    jitter_s: int = 3600
    postpone_s: int = 7200
    settle_s: int = 60
    fresh_s: int = 600
    misses: int = 3
    warm_starts: int = 96
    confirm: str = "application"


@dataclass(frozen=True)
class Serial:
    """A UART that carries SMP: `[serial]`.

    framing  "console" (lines of base64), or "raw" (packets alone)
    uart     its number for `machine.UART`, `baud` its rate, `tx` and `rx` its pins (None: the port's own)
    """

    framing: str = "console"
    uart: int = 1
    baud: int = 115200
    tx: int | None = None
    rx: int | None = None


@dataclass(frozen=True)
class Layout:
    """A checked board description; sizes in bytes, times as their names say."""

    name: str
    hw: str
    port: str
    flash_size: int
    sector: int
    write_size: int
    strategy: str
    trials: int
    watchdog_ms: int
    recovery_s: int
    trust_cache: bool
    key_tables: bool
    encryption: bool
    areas: Mapping[str, AreaSpec]
    health: Health = Health()
    access: AccessPolicy = field(default_factory=AccessPolicy)
    button: int | None = None
    led: int | None = None
    smp: tuple[str, ...] = SMP_PARTS
    udp: str = ""
    serial: Serial | None = None
    signatures: tuple[int, ...] = ()
    chip: str = ""
    table_at: int = 0x8000
    flash_encrypted: bool = False
    secure_boot: bool = False
    delta: bool = True
    nvs_encrypted: bool = False

    @property
    def has_runtime(self) -> bool:
        """The runtime is a component of its own, in two app partitions."""
        return "ota_0" in self.areas

    @property
    def max_runtime_size(self) -> int:
        """The most bytes of a runtime's payload; 0 on a board without app partitions."""
        if not self.has_runtime:
            return 0
        return int(payload_room(self.areas["ota_0"].size, self.sector, self.write_size))

    def with_encryption(self) -> Layout:
        """The same board, which takes encrypted images; raises LayoutError when it cannot."""
        layout = replace(self, encryption=True)
        _check(layout)
        return layout

    def with_access(self, access: AccessPolicy) -> Layout:
        """The same board with this `access`; raises LayoutError when it cannot have it."""
        layout = replace(self, access=access)
        _check(layout)
        return layout

    def with_roads(self, udp: str = "", framing: str = "") -> Layout:
        """The same board, with SMP on UDP (`udp` is "HOST:PORT") and on UART 1, where they are not empty."""
        serial = Serial(framing=framing) if framing else self.serial
        layout = replace(self, udp=udp or self.udp, serial=serial)
        _check(layout)
        return layout

    def with_flash(self, chip: str, table_at: int, size: int, areas: Mapping[str, AreaSpec]) -> Layout:
        """The same policy on another chip, with its flash divided into `areas`; raises LayoutError."""
        flash = {"flash_size": size, "table_at": table_at, "areas": dict(areas)}
        layout = replace(self, chip=chip, hw=chip, **flash)  # type: ignore[arg-type]
        _check(layout)
        return layout

    @property
    def max_image_size(self) -> int:
        """The most bytes that an image may take on this board, TLVs included."""
        kind = strategy_class(self.strategy)
        sectors = tuple(self.areas[name].size // self.sector for name in kind.areas)
        return int(kind.room(sectors, self.sector, self.write_size, self.encryption))


def load_layout(path: Path) -> Layout:
    """Read and check `path`; raises LayoutError that names the file and the entry."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LayoutError(f"layout not found: {path}", "`ophion new board DIR` starts one") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LayoutError(f"{path}: {error}") from error
    try:
        layout = replace(_layout(table), access=read_access(table, path.parent))
        _check(layout)
    except LayoutError as error:
        line = _line_of(path.read_text(encoding="utf-8"), str(error))
        where = f"{path}:{line}" if line else str(path)
        raise LayoutError(f"{where}: {error}", error.hint) from error
    return layout


def _line_of(text: str, reason: str) -> int:
    """The line of the first entry that `reason` names, or of its section; 0 when it names none."""
    match = re.search(r"\b(board|flash|update|health|areas)(?:\.(\w+))?", reason)
    return line_of(text, match[1], match[2] or "") if match else 0


def _layout(table: Mapping[str, Any]) -> Layout:
    board, flash, update = (_section(table, name) for name in ("board", "flash", "update"))
    areas = _section(table, "areas")
    return Layout(
        name=_text(board, "board.name"),
        hw=_text(board, "board.hw"),
        port=_text(board, "board.port") if "port" in board else PORTS[0],
        flash_size=_number(flash, "flash.size"),
        sector=_number(flash, "flash.sector"),
        write_size=_number(flash, "flash.write_size"),
        strategy=_text(update, "update.strategy"),
        trials=_number(update, "update.trials"),
        watchdog_ms=_number(update, "update.watchdog_ms"),
        recovery_s=_number(update, "update.recovery_s"),
        trust_cache=_flag(update, "update.trust_cache", True),
        key_tables=_flag(update, "update.key_tables", False),
        encryption=_flag(update, "update.encryption", False),
        areas={name: _area(areas, name) for name in areas},
        health=_health(table),
        button=_pin(board, "board.button"),
        led=_pin(board, "board.led"),
        smp=_parts(table),
        udp=_udp(table),
        serial=_serial(table),
        signatures=_signatures(update),
        chip=_text(board, "board.chip") if "chip" in board else "",
        table_at=_number(flash, "flash.table_at") if "table_at" in flash else 0x8000,
        flash_encrypted=_flag(flash, "flash.encrypted", False),
        secure_boot=_flag(board, "board.secure_boot", False),
        delta=_flag(update, "update.delta", True),
        nvs_encrypted=_flag(flash, "flash.nvs_encrypted", False),
    )


def _parts(table: Mapping[str, Any]) -> tuple[str, ...]:
    """smp.groups; all of them when it is not there."""
    section = _section(table, "smp") if "smp" in table else {}
    for name in section:
        if name not in ("groups", "udp"):
            raise LayoutError(f"smp.{name} is not groups or udp")
    value = section.get("groups", list(SMP_PARTS))
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise LayoutError("smp.groups is not a list of names")
    return tuple(value)


def _udp(table: Mapping[str, Any]) -> str:
    section = table.get("smp", {})
    return _text(section, "smp.udp") if "udp" in section else ""


def _serial(table: Mapping[str, Any]) -> Serial | None:
    return Serial(**_entries(table, "serial", Serial, "framing")) if "serial" in table else None


def _health(table: Mapping[str, Any]) -> Health:
    """[health], each entry of which may be left out, as may all of it."""
    return Health(**_entries(table, "health", Health, "confirm")) if "health" in table else Health()


def _entries(table: Mapping[str, Any], name: str, kind: type, text: str) -> dict[str, Any]:
    """The entries of section `name`, each a field of `kind`; all are numbers but the one called `text`."""
    section = _section(table, name)
    known = {field.name for field in fields(kind)}
    for entry in section:
        if entry not in known:
            raise LayoutError(f"{name}.{entry} is not one of {', '.join(sorted(known))}")
    return {entry: (_text if entry == text else _number)(section, f"{name}.{entry}") for entry in section}


def _signatures(update: Mapping[str, Any]) -> tuple[int, ...]:
    """Algorithms (TLV types) that the firmware checks beside those of its keys: a chain may bring others."""
    known = {row[0].rpartition(" ")[2].lower(): algorithm for algorithm, row in ALGORITHMS.items()}
    named = update.get("signatures", [])
    if not isinstance(named, list):
        raise LayoutError("update.signatures is not a list")
    for name in named:
        if name not in known:
            raise LayoutError(f"update.signatures: {name!r} is not one of {', '.join(known)}")
    return tuple(known[name] for name in named)


def _pin(board: Mapping[str, Any], name: str) -> int | None:
    """A pin number, or None where the board has no such pin."""
    return _number(board, name) if name.rpartition(".")[2] in board else None


def _check(layout: Layout) -> None:
    if layout.strategy not in STRATEGIES:
        raise LayoutError(f"update.strategy {layout.strategy!r} is not one of {', '.join(STRATEGIES)}")
    if layout.port not in PORTS:
        raise LayoutError(f"board.port {layout.port!r} is not one of {', '.join(PORTS)}")
    if not 1 <= layout.trials <= TRIALS_MAX:
        raise LayoutError(f"update.trials {layout.trials} is not 1 to {TRIALS_MAX}")
    if layout.write_size not in (1, 2, 4, 8, 16, 32):
        raise LayoutError(f"flash.write_size {layout.write_size} is not 1, 2, 4, 8, 16 or 32")
    if layout.sector < 256 or layout.sector & (layout.sector - 1):
        raise LayoutError(f"flash.sector {layout.sector} is not a power of two from 256 up")
    if layout.flash_size % layout.sector:
        raise LayoutError(f"flash.size {layout.flash_size:#x} is not in whole sectors")
    if len(layout.name.encode()) > NAME_MAX:
        raise LayoutError(f"board.name is longer than {NAME_MAX} bytes")
    for name in (*_AREAS.get(layout.port, _OTHER_AREAS), *strategy_class(layout.strategy).areas):
        if name not in layout.areas:
            raise LayoutError(f"areas.{name} is missing (update.strategy is {layout.strategy})")
    if layout.encryption and not strategy_class(layout.strategy).takes_encrypted:
        raise LayoutError(
            f"update.encryption: images run where they lie under update.strategy {layout.strategy}"
        )
    _check_areas(layout)
    _check_runtime(layout)
    _check_health(layout)
    layout.access.check_port(layout.port)
    _check_smp(layout)
    if layout.max_image_size <= 0:
        raise LayoutError("areas.primary and areas.secondary leave no room for an image")
    if layout.port in ESP32_PORTS:
        check_esp32(layout)
    elif layout.areas["state"].size != 2 * layout.sector:
        raise LayoutError(f"areas.state is not two sectors ({2 * layout.sector:#x} bytes)")


def _check_areas(layout: Layout) -> None:
    end, previous = 0, ""
    for name, area in sorted(layout.areas.items(), key=lambda item: item[1].offset):
        if area.offset % layout.sector or area.size % layout.sector or area.size == 0:
            raise LayoutError(f"areas.{name} is not in whole sectors of {layout.sector:#x}")
        if area.offset < end:
            raise LayoutError(
                f"areas.{name} at {area.offset:#x} overlaps areas.{previous}, which ends at {end:#x}"
            )
        end, previous = area.offset + area.size, name
    if end > layout.flash_size:
        raise LayoutError(f"areas.{previous} ends at {end:#x}, the flash at {layout.flash_size:#x}")


def _check_health(layout: Layout) -> None:
    health = layout.health
    longest = health.period_s + health.jitter_s + health.postpone_s
    if longest > _PERIOD_MAX_S:
        raise LayoutError(f"health.period_s, jitter_s and postpone_s are {longest} together: {_CLOCK}")
    for name in ("settle_s", "fresh_s"):
        if getattr(health, name) > _PERIOD_MAX_S:
            raise LayoutError(f"health.{name} {getattr(health, name)} is above {_PERIOD_MAX_S}: {_CLOCK}")
    if health.period_s and not layout.watchdog_ms:
        raise LayoutError("health.period_s needs update.watchdog_ms: who resets an application that hangs?")
    if health.period_s and not health.settle_s + health.fresh_s < health.period_s:
        raise LayoutError("health.settle_s and fresh_s together are not below period_s")
    for name in ("misses", "warm_starts"):
        if not 1 <= getattr(health, name) <= _COUNT_MAX:
            raise LayoutError(f"health.{name} {getattr(health, name)} is not 1 to {_COUNT_MAX}")
    if health.confirm not in ("application", "health"):
        raise LayoutError(f'health.confirm {health.confirm!r} is not "application" or "health"')
    if layout.button is not None and layout.button == layout.led:
        raise LayoutError(f"board.button and board.led are one pin, {layout.led}")


def _check_smp(layout: Layout) -> None:
    for name in layout.smp:
        if name not in SMP_PARTS:
            raise LayoutError(f"smp.groups: {name!r} is not one of {', '.join(SMP_PARTS)}")
    if layout.udp:
        host, colon, port = layout.udp.rpartition(":")
        if not (host and colon and port.isdecimal() and 1 <= int(port) <= _PORT_MAX):
            raise LayoutError(f"smp.udp {layout.udp!r} is not ADDRESS:PORT, as in 0.0.0.0:1337")
    if layout.serial:
        if layout.port == "qemu":
            raise LayoutError("[serial]: the UART of this board is its console")
        if layout.serial.framing not in FRAMINGS:
            raise LayoutError(f"serial.framing {layout.serial.framing!r} is not one of {', '.join(FRAMINGS)}")
        if not layout.serial.baud:
            raise LayoutError("serial.baud is 0")


def _check_runtime(layout: Layout) -> None:
    there = [name for name in _RUNTIME_AREAS if name in layout.areas]
    if not there:
        return
    for name in _RUNTIME_AREAS:
        if name not in there:
            raise LayoutError(f"areas.{name} is missing (areas.{there[0]} is there)")
    sizes = [layout.areas[name].size for name in _RUNTIME_AREAS]
    if sizes[0] != 2 * layout.sector:
        raise LayoutError(f"areas.otadata is not two sectors ({2 * layout.sector:#x} bytes)")
    if sizes[1] != sizes[2]:
        raise LayoutError(f"areas.ota_0 and areas.ota_1 are not of one size: {sizes[1]:#x}, {sizes[2]:#x}")
    if layout.max_runtime_size <= 0:
        raise LayoutError("areas.ota_0 leaves no room for a runtime")


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = table.get(name)
    if not isinstance(value, dict):
        raise LayoutError(f"section [{name}] is missing")
    return value


def _entry(section: Mapping[str, Any], name: str) -> Any:
    key = name.rpartition(".")[2]
    if key not in section:
        raise LayoutError(f"{name} is missing")
    return section[key]


def _text(section: Mapping[str, Any], name: str) -> str:
    value = _entry(section, name)
    if not isinstance(value, str) or not value:
        raise LayoutError(f"{name} is not a text")
    return value


def _flag(section: Mapping[str, Any], name: str, default: bool) -> bool:
    value = section.get(name.rpartition(".")[2], default)
    if not isinstance(value, bool):
        raise LayoutError(f"{name} is neither true nor false")
    return value


def _number(section: Mapping[str, Any], name: str) -> int:
    value = _entry(section, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise LayoutError(f"{name} is not a number from 0 up")
    return value


def _area(areas: Mapping[str, Any], name: str) -> AreaSpec:
    value = areas[name]
    if not isinstance(value, dict):
        raise LayoutError(f"areas.{name} is not a table of offset and size")
    return AreaSpec(_number(value, f"areas.{name}.offset"), _number(value, f"areas.{name}.size"))
