"""A part of a flash: sector-aligned bytes of a block device, addressed from 0."""

from ophion_boot.fmt.quick import blank as _blank

_ERASE_BLOCK = 6
_PIECE = 256
# Units of this many bytes and more (flash encryption) are programmed once after an erase.
_ONCE = 16
_read = bytearray(_PIECE)
_byte = bytearray(1)


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

    def blank(self, sector: int, start: int = 0, buf: bytearray | memoryview | None = None) -> bool:
        """True when every byte of the sector, from its byte `start` on, reads 0xff.

        `buf` is read into, if it is lent: 256 bytes or a whole sector.
        """
        buf = buf or _read
        end = (sector + 1) * self.sector
        at = end - self.sector + start
        while at % _PIECE and at < end:
            self.read(at, _byte)
            if _byte[0] != 0xFF:
                return False
            at += 1
        while at < end:
            self.read(at, buf)
            if not _blank(buf, len(buf)):
                return False
            at += len(buf)
        return True

    def resume(self, at: int) -> tuple[int, int]:
        """(from what byte on, and from what sector on to be erased) an upload goes on that had reached `at`.

        The bytes before `at` are programmed; anything may lie from there on: whole, torn, or nothing. The
        same bytes may be programmed over it. Not so where a unit is programmed once: then the upload
        goes back to the start of its sector, unless the rest of that is blank.
        """
        sector, start = at // self.sector, at % self.sector
        if start and self.write_size >= _ONCE and not self.blank(sector, start=start):
            return sector * self.sector, sector
        return at, sector + (1 if start else 0)

    def part(self, offset: int, size: int) -> "Area":
        """The area of `size` bytes at `offset` of this one."""
        self._check(offset, size)
        part = Area(self._bdev, self._offset + offset, size, self.sector, self.write_size)
        part.sealed = self.sealed
        return part

    def _check(self, at: int, length: int) -> None:
        if at < 0 or length < 0 or at + length > self.size:
            raise AreaError("%#x+%#x is outside an area of %#x bytes" % (at, length, self.size))
