"""Where everything goes in the flash of MicroPython's own build: what it had stays, the rest is divided anew.

The application partition and all others but the user's file system keep their places. Behind the last of
them: the bootloader's file system, the slots of the update strategy (one partition, `romfs`), the user's
files.
"""

from __future__ import annotations

from ophion_boot.core.strategies import strategy_class

from ophion.build.layout import AreaSpec, Layout
from ophion.build.layout_error import LayoutError
from ophion.build.layout_esp32 import PARTITIONS
from ophion.build.partitions import Partition, partitions
from ophion.errors import InputError
from ophion.install.firmware import SECTOR, USER_LABELS, Firmware

VFS_BYTES = 0x40000
"""The bootloader's file system: its files take about 100 KB."""
USER_LEAST = 0x10000
_SLOT_LEAST, _SLOT_MOST = 0x10000, 0x100000
_STEP = 0x10000
_OURS = ("vfs", "user")


def divide(firmware: Firmware, policy: Layout, slot: int = 0, flash_size: int = 0) -> Layout:
    """`policy` (a layout of the port stock) with the areas that it gets in the flash of `firmware`.

    `slot` is the size of the primary slot, 0: a quarter of what is left, 1 MB at most; `flash_size` what
    the board has, 0: what the firmware says. Raises LayoutError, InputError when there is no room.
    """
    size = flash_size or firmware.flash_size
    kept = _kept(firmware)
    start = -(-max(row.offset + row.size for row in kept) // SECTOR) * SECTOR
    left = size - start - VFS_BYTES
    if left < 2 * _SLOT_LEAST + SECTOR + USER_LEAST:
        raise InputError(
            f"{size // 1024} KB of flash leave {max(0, size - start) // 1024} KB behind the application",
            "a larger flash is named by --flash-size, if the board has one",
        )
    slot = slot or max(_SLOT_LEAST, min(_SLOT_MOST, (size - start) // 4 // _STEP * _STEP))
    areas = _named(kept)
    areas["vfs"] = AreaSpec(start, VFS_BYTES)
    at = start + VFS_BYTES
    for name, room in _slots(policy, slot):
        areas[name] = AreaSpec(at, room)
        at += room
    if at + USER_LEAST > size:
        raise InputError(
            f"slots of {slot // 1024} KB leave less than {USER_LEAST // 1024} KB for the user's files",
            "name a smaller --slot",
        )
    areas["user"] = AreaSpec(at, size - at)
    return policy.with_flash(firmware.chip, firmware.table_at, size, areas)


def table_rows(firmware: Firmware, layout: Layout) -> list[Partition]:
    """The new partition table: what stays of the firmware's, and what is new in `layout`, by offset."""
    kept = _kept(firmware)
    places = {(row.offset, row.size) for row in kept}
    new = [row for row in partitions(layout) if (row.offset, row.size) not in places]
    return sorted([*kept, *new], key=lambda row: row.offset)


def check_map(firmware: Firmware, layout: Layout) -> None:
    """Raise LayoutError unless `layout`, which somebody wrote, leaves what `firmware` has where it is."""
    ours = {"vfs", "user", *strategy_class(layout.strategy).areas}
    for name, area in layout.areas.items():
        for row in _kept(firmware):
            same = (row.offset, row.size) == (area.offset, area.size)
            if name in ours and row.offset < area.offset + area.size and area.offset < row.offset + row.size:
                raise LayoutError(f"areas.{name} overlaps the partition {row.label}, which the firmware has")
            if row.label == PARTITIONS.get(name, ("", "", ""))[2] and name not in ours and not same:
                raise LayoutError(
                    f"areas.{name} is not where the firmware has it: {row.offset:#x}, {row.size:#x}"
                )
    if layout.chip != firmware.chip:
        raise LayoutError(f"board.chip {layout.chip!r}: the firmware is for {firmware.chip}")


def _kept(firmware: Firmware) -> list[Partition]:
    kept = [row for row in firmware.rows if row.label not in USER_LABELS]
    for row in kept:
        if row.label in (*_OURS, "romfs"):
            raise InputError(f"the firmware has a partition {row.label!r}, a name that Ophion needs")
    return kept


def _named(kept: list[Partition]) -> dict[str, AreaSpec]:
    """Those of `kept` that a layout has a name for."""
    names = {(kind, subtype): name for name, (kind, subtype, _) in PARTITIONS.items() if name not in _OURS}
    found = {names.get((row.kind, row.subtype)): AreaSpec(row.offset, row.size) for row in kept}
    return {name: area for name, area in found.items() if name is not None}


def _slots(policy: Layout, slot: int) -> list[tuple[str, int]]:
    """(area, bytes) of the strategy's areas in their order, for a primary slot of `slot` bytes."""
    rooms = {"secondary": slot + SECTOR if policy.strategy == "swap_offset" else slot, "scratch": SECTOR}
    return [(name, rooms.get(name, slot)) for name in strategy_class(policy.strategy).areas]
