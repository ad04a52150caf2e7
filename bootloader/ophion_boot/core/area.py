"""A part of a flash: sector-aligned bytes of a block device, addressed from 0."""

from ophion_boot.fmt.quick import blank as _blank

_ERASE_BLOCK = 6
_PIECE = 256


class AreaError(ValueError):
    """An access that does not lie inside its area: a bug or a hostile length, never a flash fault."""


class Area:
    """`size` bytes at `offset` of `bdev`, which speaks MicroPython's extended block protocol.

    `sector` is the erase size and `write_size` the program unit, both in bytes. Flash faults come
    through as OSError. Nothing here allocates, so a loop over sectors may run with the heap locked.
    `sealed` says that an encrypted image lies here as ciphertext; elsewhere its payload is in the clear.
    """

    sealed = False

    def __init__(self, bdev, offset: int, size: int, sector: int = 4096, write_size: int = 4) -> None:  # type: ignore[no-untyped-def]
        if offset % sector or size % sector or size <= 0:
            raise AreaError("area %#x+%#x is not in whole sectors" % (offset, size))
        self._bdev = bdev
        self._offset = offset
        self.size = size
        self.sector = sector
        self.write_size = write_size
        self.sectors = size // sector

    @property
    def offset(self) -> int:
        """Where the area begins on its block device, in bytes."""
        return self._offset

    def read(self, at: int, buf: bytearray | memoryview) -> None:
        """Fill `buf` from byte `at` on."""
        self._check(at, len(buf))
        at += self._offset
        self._bdev.readblocks(at // self.sector, buf, at % self.sector)

    def program(self, at: int, buf: bytes | bytearray | memoryview) -> None:
        """Program `buf` at byte `at`; the bytes there must be erased."""
        self._check(at, len(buf))
        at += self._offset
        self._bdev.writeblocks(at // self.sector, buf, at % self.sector)

    def erase(self, sector: int, count: int = 1) -> None:
        """Erase `count` sectors from number `sector` on."""
        self._check(sector * self.sector, count * self.sector)
        first = self._offset // self.sector + sector
        for n in range(first, first + count):
            self._bdev.ioctl(_ERASE_BLOCK, n)

    def blank(self, sector: int, buf=None) -> bool:  # type: ignore[no-untyped-def]
        """True when every byte of the sector reads 0xff; `buf`, if lent, divides it and is read into."""
        if buf is None:
            buf = bytearray(_PIECE)
        at = sector * self.sector
        end = at + self.sector
        while at < end:
            self.read(at, buf)
            if not _blank(buf, len(buf)):
                return False
            at += len(buf)
        return True

    def part(self, offset: int, size: int) -> "Area":
        """The area of `size` bytes at `offset` of this one."""
        self._check(offset, size)
        part = Area(self._bdev, self._offset + offset, size, self.sector, self.write_size)
        part.sealed = self.sealed
        return part

    def _check(self, at: int, length: int) -> None:
        if at < 0 or length < 0 or at + length > self.size:
            raise AreaError("%#x+%#x is outside an area of %#x bytes" % (at, length, self.size))
