"""ESP32-family chips with MicroPython's own build: the bootloader is files, mounted at /ophion.

Such a build has no `VfsRom`, so the payload is read by one in Python, from flash, piece by piece. The
slots are a partition `romfs` like any other. MicroPython mounts what is labelled `vfs`, the bootloader's
files; the user's are in `user`, and `flashbdev.bdev`, which programs format to get an empty file system,
is that one from now on.
"""

import esp32
import flashbdev

from ophion_boot.port.chip import Chip
from ophion_boot.port.esp32 import Board as Esp32Board
from ophion_boot.port.romfs_vfs import RomfsVfs


class Board(Esp32Board):
    """Hardware by name, as on a board build. Raises OSError when the partition table is not the layout's."""

    frozen = Chip.frozen + ("/ophion",)

    def payload(self, area, at: int, size: int) -> RomfsVfs:  # type: ignore[no-untyped-def]
        """The verified payload, `size` bytes at `at` of `area`, as a file system to mount."""
        return RomfsVfs(area, at, size)

    def block_device(self, name: str) -> esp32.Partition:
        """The partition for the user's files."""
        flashbdev.bdev = _partition(name)
        return flashbdev.bdev

    def _find(self) -> esp32.Partition:
        return _partition("romfs")


def _partition(label: str) -> esp32.Partition:
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)
    if not found:
        raise OSError("the partition table has no " + label)
    return found[0]
