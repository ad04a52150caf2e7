"""Ophion on a board that a cable leads to: install, give back, write a board build."""

from __future__ import annotations

from pathlib import Path

from ophion_boot.core.strategies import strategy_class

from ophion.build.layout import Layout
from ophion.build.partitions import BOOTLOADER_AT, TABLE_BYTES, binary, parse_table
from ophion.errors import InputError, UsageError
from ophion.install.cable import Cable
from ophion.install.compose import Region, slot_region
from ophion.install.firmware import SECTOR, Firmware, read_firmware
from ophion.install.lfs import read_image
from ophion.install.record import GIVEN_BACK, INSTALLED, Record, load_record

FLASH_MOST = 16 << 20
"""Bytes of flash that are used of a larger one."""


def known(cable: Cable, folder: Path) -> Record | None:
    """The record in `folder` of an installation on this chip that did not end, or None when none was begun.

    Raises UsageError for a board that has Ophion, or another board's record.
    """
    if not (folder / "record.json").exists():
        return None
    record = load_record(folder)
    record.check(cable)
    if record.state == INSTALLED:
        raise UsageError(
            f"{folder} says that Ophion is on this board", "push updates to it, or `ophion uninstall`"
        )
    if record.state == GIVEN_BACK:
        raise UsageError(f"{folder} is of an installation that is over", "name another folder with --record")
    return record


def check_chip(firmware: Firmware | None, cable: Cable) -> None:
    """Raise InputError for firmware that is for another chip than the one on the cable."""
    if firmware is not None and firmware.chip != cable.chip:
        raise InputError(f"the firmware is for {firmware.chip}, and on the port is {cable.chip}")


def runtime_regions(firmware: Firmware) -> list[Region]:
    """What writes the firmware itself: second-stage bootloader and application, without the table."""
    boot_at, app = BOOTLOADER_AT[firmware.chip], firmware.app
    spans = [
        (boot_at, firmware.table_at, "second-stage bootloader"),
        (app.offset, app.offset + firmware.app_size, "MicroPython"),
    ]
    return [_region(first, firmware.flash[first:last], what) for first, last, what in spans]


def _region(offset: int, data: bytes, what: str) -> Region:
    """In whole sectors."""
    return Region(offset, data + b"\xff" * (-len(data) % SECTOR), what)


def users_changes(cable: Cable, record: Record) -> dict[str, bytes]:
    """The user's files on the board that are not in the record: new, or changed since.

    Raises InputError when their file system cannot be read.
    """
    before = read_firmware(record.flash(), "the record", any_version=True)
    table = cable.read(before.table_at, SECTOR)
    rows = [row for row in parse_table(table[:TABLE_BYTES]) if row.label == "user"]
    if not rows:
        return {}
    now = read_image(cable.read(rows[0].offset, rows[0].size), "the user's files") or {}
    then = read_image(before.user_area() or b"\xff" * 2 * SECTOR, "the record's files") or {}
    return {path: data for path, data in now.items() if not path.endswith("/") and then.get(path) != data}


def board_regions(firmware: Firmware, layout: Layout, cable: Cable, application: bytes = b"") -> list[Region]:
    """What writes a board build: bootloader, application, the first signed image, the table last.

    NVS and the user's files stay. Raises InputError: another chip or flash, a table that is not the layout's,
    an image that is too large.
    """
    if not firmware.chip == layout.chip == cable.chip:
        raise InputError(
            f"the firmware is for {firmware.chip}, the board {layout.name} has {layout.chip}, "
            f"and on the port is {cable.chip}"
        )
    if layout.flash_size > cable.flash_size:
        raise InputError(
            f"{layout.name} has {layout.flash_size >> 20} MB of flash, this chip {cable.flash_size >> 20} MB"
        )
    table = binary(layout)
    found = firmware.flash[firmware.table_at :][: len(table)]
    if firmware.table_at != layout.table_at or found != table:
        raise InputError(
            f"the firmware's partition table is not that of {layout.name}",
            "build it from the files of `ophion board files`",
        )
    if len(application) > layout.max_image_size:
        raise InputError(f"the image is {len(application)} bytes, the slot takes {layout.max_image_size}")
    return _board_regions(firmware, layout, application)


def _board_regions(firmware: Firmware, layout: Layout, application: bytes) -> list[Region]:
    regions = runtime_regions(firmware)
    if layout.has_runtime:
        area = layout.areas["otadata"]  # blank: ota_0, which was just written, is what runs
        regions.append(Region(area.offset, b"\xff" * area.size, "otadata"))
    if application:
        for name in strategy_class(layout.strategy).areas:
            regions.append(slot_region(layout, name, application))
    table = firmware.flash[firmware.table_at : firmware.table_at + TABLE_BYTES]
    return [*regions, _region(firmware.table_at, table, "partition table")]
