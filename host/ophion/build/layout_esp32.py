"""What a layout.toml of an ESP32-family chip has to be, beyond what every board's has."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from ophion_boot.core.strategies import strategy_class

from ophion.build.layout_error import LayoutError

if TYPE_CHECKING:
    from ophion.build.layout import Layout

ESP32_PORTS = ("esp32", "stock")
"""Ports of chips that have a partition table: board builds, and MicroPython's own."""

CHIPS = ("esp32", "esp32s3", "esp32c3", "esp32c6")
"""Chips that `board.chip` may name on these ports."""

PARTITIONS = {
    "nvs": (1, 0x02, "nvs"),
    "otadata": (1, 0x00, "otadata"),
    "phy": (1, 0x01, "phy_init"),
    "factory": (0, 0x00, "factory"),
    "ota_0": (0, 0x10, "ota_0"),
    "ota_1": (0, 0x11, "ota_1"),
    "vfs": (1, 0x81, "vfs"),
    "user": (1, 0x81, "vfs"),
}
"""Areas that are partitions: type, subtype, label (ESP-IDF's, and MicroPython's `vfs`).

On the port stock the bootloader lies in `vfs`, which MicroPython looks for, and the user's files in `user`.
"""

NVS_KEY_ID = 5
"""Key block whose key encrypts NVS. KEY5 takes no flash key (espefuse: a fault of the hardware)."""

_ESP_SECTOR = 0x1000
_ESP_TABLE = range(0x8000, 0x20000, 0x1000)
_ESP_APP = 0x10000
_ESP_FLASH = (0x400000, 0x800000, 0x1000000)
_NVS_LEAST = 0x3000
_ESP_CIPHER = 16


def label_of(port: str, name: str) -> str:
    """The label of the partition that is the area `name`."""
    return name if port == "stock" and name == "user" else PARTITIONS[name][2]


def check_esp32(layout: Layout) -> None:
    """What ESP-IDF's partition table and MicroPython's partition `romfs` ask for (build/partitions.py)."""
    if layout.chip not in CHIPS:
        raise LayoutError(f"board.chip {layout.chip!r} is not one of {', '.join(CHIPS)}")
    if layout.sector != _ESP_SECTOR:
        raise LayoutError(f"flash.sector {layout.sector:#x} is not that of this port, {_ESP_SECTOR:#x}")
    if layout.flash_size not in _ESP_FLASH:
        raise LayoutError(f"flash.size {layout.flash_size:#x} is not 4, 8 or 16 MB")
    if layout.table_at not in _ESP_TABLE:
        raise LayoutError(f"flash.table_at {layout.table_at:#x} is not a sector from 0x8000 to 0x1f000")
    if layout.flash_encrypted and layout.write_size < _ESP_CIPHER:
        raise LayoutError(
            f"flash.write_size {layout.write_size} is below {_ESP_CIPHER}, and flash.encrypted is true"
        )
    if (layout.secure_boot or layout.flash_encrypted) and layout.table_at == _ESP_TABLE[0]:
        raise LayoutError(
            f"flash.table_at {layout.table_at:#x} leaves no room for a bootloader that checks signatures"
        )
    if layout.nvs_encrypted and not layout.flash_encrypted:
        raise LayoutError("flash.nvs_encrypted is true, and flash.encrypted is not")
    if layout.nvs_encrypted and layout.chip == "esp32":
        raise LayoutError("flash.nvs_encrypted is true, and the esp32 has no HMAC engine for its key")
    for name, area in layout.areas.items():
        known = [key for key in PARTITIONS if key != "vfs" or layout.port == "stock"]
        if name not in (*known, *strategy_class(layout.strategy).areas):
            raise LayoutError(f"areas.{name} is nothing that this port has")
        if area.offset < layout.table_at + _ESP_SECTOR:
            raise LayoutError(
                f"areas.{name} begins before the end of the partition table at {layout.table_at:#x}"
            )
        if PARTITIONS.get(name, (1,))[0] == 0 and area.offset % _ESP_APP:
            raise LayoutError(f"areas.{name} is an app partition, and not at a multiple of {_ESP_APP:#x}")
    if layout.areas["nvs"].size < _NVS_LEAST:
        raise LayoutError(
            f"areas.nvs has {layout.areas['nvs'].size:#x} bytes, at least {_NVS_LEAST:#x} are needed"
        )
    if ("factory" in layout.areas) == layout.has_runtime:
        raise LayoutError("areas.factory, or areas.otadata, ota_0 and ota_1: where does MicroPython lie?")
    if layout.port == "stock":
        _check_stock(layout)
    _check_romfs(layout)


def _check_stock(layout: Layout) -> None:
    for entry, there in (
        ("board.secure_boot", layout.secure_boot),
        ("flash.encrypted", layout.flash_encrypted),
        ("areas.ota_0", layout.has_runtime),
    ):
        if there:
            raise LayoutError(f"{entry}: that takes a board build, MicroPython's own has nothing of it")


def _check_romfs(layout: Layout) -> None:
    names = strategy_class(layout.strategy).areas
    for before, name in itertools.pairwise(names):
        end = layout.areas[before].offset + layout.areas[before].size
        if layout.areas[name].offset != end:
            raise LayoutError(
                f"areas.{name} does not follow areas.{before}, which ends at {end:#x}: they are one partition"
            )
    spare = layout.areas["primary"].size + layout.sector
    if layout.strategy == "swap_offset" and layout.areas["secondary"].size < spare:
        raise LayoutError(f"areas.secondary has no sector to spare for the swap: {spare:#x} bytes are needed")
