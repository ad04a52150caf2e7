"""A part of a block device, for a file system."""


class Part:
    """`size` bytes at `offset` of `bdev` as a block device (the extended protocol, in whole blocks)."""

    def __init__(self, bdev, offset: int, size: int) -> None:  # type: ignore[no-untyped-def]
        self._bdev = bdev
        self._block = bdev.ioctl(5, 0)
        self._first = offset // self._block
        self._count = size // self._block

    def readblocks(self, n: int, buf: bytearray | memoryview, off: int = 0) -> None:
        """Fill `buf` from byte `off` of block `n` on."""
        self._bdev.readblocks(self._first + n, buf, off)

    def writeblocks(self, n: int, buf: bytes | bytearray | memoryview, off: int | None = None) -> None:
        """Program `buf` at byte `off` of block `n`; without `off`, erase and program whole blocks."""
        if off is None:
            self._bdev.writeblocks(self._first + n, buf)
        else:
            self._bdev.writeblocks(self._first + n, buf, off)

    def ioctl(self, op: int, arg: int) -> int | None:
        """Block count (4), block size (5), erase (6); the rest is the device's."""
        if op == 4:
            return self._count
        if op == 6:
            return self._bdev.ioctl(6, self._first + arg)
        return self._bdev.ioctl(op, arg)
