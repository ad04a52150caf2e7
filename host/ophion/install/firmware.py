"""What flash holds under MicroPython's own build: second-stage bootloader, partition table, application.

Read from a firmware file as it is downloaded (merged; it begins where the second-stage bootloader lies),
or from a copy of a whole flash.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ophion.build.espimage import CHIP_IDS, MAGIC, OTHER_CHIP_IDS, read_image
from ophion.build.layout_esp32 import CHIPS
from ophion.build.partitions import BOOTLOADER_AT, TABLE_BYTES, Partition, parse_table
from ophion.errors import InputError

SECTOR = 0x1000
LEAST = (1, 25)
"""The first MicroPython that the bootloader is made for."""
USER_LABELS = ("vfs", "ffat")
"""Labels of the partition that MicroPython mounts, in the order in which it looks for them."""
_TABLE_PLACES = range(0x8000, 0x20000, SECTOR)
_TABLE_MAGIC = b"\xaa\x50"
_BANNER = re.compile(rb"MicroPython (v(\d+)\.(\d+)[ -~]{0,60})")
# esp_app_desc_t, at the beginning of an application's first segment (ESP-IDF, esp_app_desc.h).
_APP_MARK = b"\x32\x54\xcd\xab"
_APP_MARK_AT = 32
_UF2 = b"UF2\n"


@dataclass(frozen=True)
class Firmware:
    """A firmware: `flash` is the content from address 0, 0xff where nothing is known; sizes in bytes.

    `file_at` is where the file began in flash, `flash_size` what its header says of the flash, `table_at` the
    table's address, `app` the partition that MicroPython lies in and `app_size` how much of it is used,
    `version` what it calls itself.
    """

    chip: str
    flash: bytes
    file_at: int
    flash_size: int
    table_at: int
    rows: tuple[Partition, ...]
    app: Partition
    app_size: int
    version: str
    number: tuple[int, int]

    def user_area(self) -> bytes | None:
        """What the file holds of the partition with the user's files; None when it holds none of it."""
        for label in USER_LABELS:
            for row in self.rows:
                if row.label == label:
                    return self.flash[row.offset : row.offset + row.size] or None
        # From 1.26 on MicroPython takes what is left behind the last partition, whatever the header says.
        end = max(row.offset + row.size for row in self.rows)
        return self.flash[end:] or None

    @property
    def installed(self) -> bool:
        """Ophion is on it already."""
        return {"vfs", "romfs", "user"} <= {row.label for row in self.rows}


def read_firmware(data: bytes, what: str, any_version: bool = False, board_build: bool = False) -> Firmware:
    """Read and check a firmware; `what` names it in errors.

    Raises InputError: another kind of file, a chip without Bluetooth, a damaged or truncated image, a
    flash map that Ophion cannot change, or, unless `any_version`, a MicroPython that it is not made for. A
    `board_build` may have two application partitions; the first one is looked at.
    """
    chip, file_at = _chip(data, what)
    flash = b"\xff" * file_at + data
    boot_at = BOOTLOADER_AT[chip]
    boot = read_image(flash[boot_at:], f"{what}: the second-stage bootloader")
    if not boot.flash_size:
        raise InputError(f"{what}: the second-stage bootloader's header names no size of flash")
    table_at = _table_at(flash, what)
    try:
        rows = parse_table(flash[table_at : table_at + TABLE_BYTES])
    except InputError as error:
        raise InputError(f"{what}: {error.message}") from None
    app = _app(rows, what, board_build)
    found = read_image(flash[app.offset :], f"{what}: the application")
    if found.size > app.size:
        raise InputError(f"{what}: the application is {found.size} bytes, its partition takes {app.size}")
    if found.chip != CHIP_IDS[chip]:
        raise InputError(f"{what}: bootloader and application are for different chips")
    image = flash[app.offset : app.offset + found.size]
    version, number = _version(image, what, any_version)
    return Firmware(
        chip, flash, file_at, boot.flash_size, table_at, tuple(rows), app, found.size, version, number
    )


def _chip(data: bytes, what: str) -> tuple[str, int]:
    """The chip that `data` is for, and the address in flash of its first byte."""
    hint = "take the .bin for your board from micropython.org"
    if data.startswith(_UF2):
        raise InputError(f"{what} is a UF2 file, not a .bin", hint)
    for skip in (0, SECTOR):
        if data[:skip].count(b"\xff") == skip and data[skip : skip + 1] == bytes((MAGIC,)):
            break
    else:
        raise InputError(f"{what} is no firmware of an ESP32: it does not begin with 0xe9", hint)
    image = read_image(data[skip:], what)
    if data[skip + _APP_MARK_AT : skip + _APP_MARK_AT + 4] == _APP_MARK:
        raise InputError(f"{what} is an application alone, without bootloader and partition table", hint)
    names = {number: name for name, number in CHIP_IDS.items()}
    if image.chip not in names:
        name = OTHER_CHIP_IDS.get(image.chip, f"chip {image.chip}")
        raise InputError(f"{what} is for {name}; Ophion runs on {', '.join(CHIPS)}")
    chip = names[image.chip]
    return chip, 0 if skip else BOOTLOADER_AT[chip]


def _table_at(flash: bytes, what: str) -> int:
    for at in _TABLE_PLACES:
        if flash[at : at + 2] == _TABLE_MAGIC:
            return at
    raise InputError(f"{what} holds no partition table")


def _app(rows: Sequence[Partition], what: str, board_build: bool) -> Partition:
    apps = [row for row in rows if row.kind == 0]
    if len(apps) != 1 and not (apps and board_build):
        raise InputError(
            f"{what} has {len(apps)} application partitions, not one",
            "take the build without OTA in its name",
        )
    return apps[0]


def _version(image: bytes, what: str, any_version: bool) -> tuple[str, tuple[int, int]]:
    match = _BANNER.search(image)
    if match is None:
        raise InputError(f"{what}: the application is no MicroPython")
    text, number = match[1].decode(), (int(match[2]), int(match[3]))
    if number < LEAST and not any_version:
        raise InputError(
            f"{what} is MicroPython {text}; Ophion needs {LEAST[0]}.{LEAST[1]} or newer",
            "its start file would fail; --any-version makes the image nevertheless",
        )
    return text, number
