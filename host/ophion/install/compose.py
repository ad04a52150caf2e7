"""The flash of a board as Ophion leaves it: bytes, and which parts of them are new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ophion_boot.core.strategies import strategy_class

from ophion.build.espimage import with_flash_size
from ophion.build.layout import Layout
from ophion.build.partitions import BOOTLOADER_AT, pack_table
from ophion.errors import InputError
from ophion.install.firmware import SECTOR, Firmware
from ophion.install.lfs import make_image, read_image
from ophion.install.plan import check_map, table_rows


@dataclass(frozen=True)
class Region:
    """`data` that goes to `offset` of the flash, in whole sectors; `what` says it in words."""

    offset: int
    data: bytes
    what: str


@dataclass(frozen=True)
class Composed:
    """What an installation makes: `regions` in the order in which a board is written, the table last.

    `moved` are the paths of the user's files that went to another place.
    """

    firmware: Firmware
    layout: Layout
    regions: tuple[Region, ...]
    moved: tuple[str, ...]

    def flash(self) -> bytes:
        """The whole flash, from address 0 to its last byte that is not erased."""
        flash = bytearray(b"\xff" * self.layout.flash_size)
        for row in table_rows(self.firmware, self.layout):
            flash[row.offset : row.offset + row.size] = self._before(row.offset, row.size)
        head = min(row.offset for row in self.firmware.rows)
        flash[:head] = self._before(0, head)
        for region in self.regions:
            flash[region.offset : region.offset + len(region.data)] = region.data
        end = self.slots_end()
        return bytes(flash[:end]) + bytes(flash[end:]).rstrip(b"\xff")

    def file(self) -> bytes:
        """The same as a file that is written where the firmware's file is, in whole sectors."""
        data = self.flash()[self.firmware.file_at :]
        return data + b"\xff" * (-len(data) % SECTOR)

    def slots_end(self) -> int:
        """Where the update slots end: up to there everything has to be written, erased parts too."""
        last = self.layout.areas[strategy_class(self.layout.strategy).areas[-1]]
        return last.offset + last.size

    def _before(self, offset: int, size: int) -> bytes:
        """What the firmware has at a place, as far as it goes."""
        return _filled(self.firmware.flash[offset : offset + size], size)


def compose(
    firmware: Firmware,
    layout: Layout,
    files: Mapping[str, bytes],
    application: bytes = b"",
    users_of: Firmware | None = None,
) -> Composed:
    """Ophion on `firmware`: `files` of the bootloader, `application` (a signed image) in the primary slot.

    The user's files that `users_of` has are moved; None: there are none. Raises InputError, LayoutError.
    """
    check_map(firmware, layout)
    if len(application) > layout.max_image_size:
        raise InputError(f"the image is {len(application)} bytes, the slot takes {layout.max_image_size}")
    users = _user_files(users_of) if users_of else {}
    areas = layout.areas
    regions = [_region(layout, "vfs", make_image(files, areas["vfs"].size, "the bootloader"))]
    regions += [slot_region(layout, name, application) for name in strategy_class(layout.strategy).areas]
    regions.append(_region(layout, "user", make_image(users, areas["user"].size, "the user's files")))
    boot_at = BOOTLOADER_AT[firmware.chip]
    if layout.flash_size != firmware.flash_size:
        head = with_flash_size(firmware.flash[boot_at : firmware.table_at], layout.flash_size, "bootloader")
        regions.append(Region(boot_at, head, "size of the flash"))
    table = pack_table(table_rows(firmware, layout))
    regions.append(Region(layout.table_at, _filled(table, SECTOR), "partition table"))
    return Composed(
        firmware, layout, tuple(regions), tuple(sorted(path for path in users if not path.endswith("/")))
    )


def slot_region(layout: Layout, name: str, application: bytes) -> Region:
    """A slot of the strategy: `application` in the one that runs and in the golden one, others blank."""
    return _region(layout, name, application if name in ("primary", "golden") else b"")


def _region(layout: Layout, name: str, data: bytes) -> Region:
    """The whole area `name`, which begins with `data`."""
    return Region(layout.areas[name].offset, _filled(data, layout.areas[name].size), name)


def _filled(data: bytes, size: int) -> bytes:
    return data + b"\xff" * (size - len(data))


def _user_files(firmware: Firmware) -> dict[str, bytes]:
    data = firmware.user_area()
    if data is None:
        return {}
    try:
        return read_image(data, "the user's files") or {}
    except InputError as error:
        raise InputError(error.message, "copy them off with mpremote, then --erase-user-files") from None
