"""ESP32-family chips: MicroPython with `MICROPY_VFS_ROM`, all slots in one partition called `romfs`.

What the ESP32 port does shaped this (ports/esp32, v1.25 on): `vfs.rom_ioctl(2, 0)` gives the one Partition
object that can be mapped; it is found by the label `romfs`, and so the slots lie in it, back to back. At
every start MicroPython mounts what begins there if it is a ROMFS: it never is, an image has a header. NVS may
be erased as a whole by the port (another ESP-IDF, no free page): cells that are gone are empty ones.
"""

import esp32
import vfs

from ophion_boot.compat import const
from ophion_boot.core.area import Area
from ophion_boot.port.chip import Chip
from ophion_boot.port.nvs_cells import NvsCells

_ROM_GET = const(2)


class Board(Chip):
    """Hardware by name: areas of the flash, cells, RTC memory, watchdog, radio, reset.

    Raises OSError when the partition table is not the layout's.
    """

    def __init__(self, layout: dict) -> None:
        super().__init__(layout)
        rom = self._find()
        _, _, self._first, self._size, _, _ = rom.info()
        self._rom = rom
        self.cells = NvsCells(esp32.NVS)

    def area(self, name: str) -> Area:
        """The Area that the layout calls `name`; raises OSError when it does not lie in the partition."""
        offset, size = self._layout["areas"][name]
        at = offset - self._first
        if at < 0 or at + size > self._size:
            raise OSError("%s at %#x is outside the partition romfs" % (name, offset))
        return Area(self._rom, at, size, self._layout["sector"], self._layout["write_size"])

    def map(self, area: Area, size: int) -> memoryview:
        """The first `size` bytes of `area` where they lie: the partition is mapped as a whole."""
        return memoryview(self._rom)[area.offset : area.offset + size]

    def block_device(self, name: str) -> esp32.Partition:
        """The partition for the user's files, which MicroPython looks for as `vfs`."""
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")
        if not found:
            raise OSError("the partition table has no vfs")
        return found[0]

    def _find(self):  # type: ignore[no-untyped-def]
        """The partition with the slots."""
        rom = vfs.rom_ioctl(_ROM_GET, 0)
        if isinstance(rom, int):
            raise OSError("the partition table has no romfs")
        return rom
