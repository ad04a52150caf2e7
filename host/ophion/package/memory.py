"""An image file as the device's code expects to find it: in the erased flash of a block device."""

from __future__ import annotations

from ophion_boot.core.area import Area

SECTOR_BYTES = 4096
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5


class MemoryFlash:
    """Read-only block device (MicroPython's extended protocol) over `data`.

    `data` is padded with 0xff to whole sectors.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data + b"\xff" * (-len(data) % SECTOR_BYTES)

    def readblocks(self, block: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        """Fill `buf` from byte `offset` of `block` on."""
        at = block * SECTOR_BYTES + offset
        buf[:] = self._data[at : at + len(buf)]

    def ioctl(self, operation: int, argument: int) -> int | None:
        """Number of blocks (4) and their size in bytes (5); everything else does nothing."""
        if operation == _BLOCK_COUNT:
            return len(self._data) // SECTOR_BYTES
        return SECTOR_BYTES if operation == _BLOCK_SIZE else None

    def area(self) -> Area:
        """The whole of it."""
        return Area(self, 0, max(len(self._data), SECTOR_BYTES), SECTOR_BYTES)
