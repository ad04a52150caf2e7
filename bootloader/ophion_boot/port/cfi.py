"""NOR flash behind the Common Flash Interface, Intel command set, as QEMU's `virt` machine has it.

Two chips of 16 bits side by side make a bus of 32, so every command goes to both halves of a word
(JEDEC JESD68 has the query, Intel's 28F datasheets the commands). The model of QEMU differs from a
chip in one point: programming overwrites where cells could only be cleared. So the cells are looked
at before, and what a chip could not do raises.
"""

import errno

import micropython
import uctypes

from ophion_boot.compat import const

_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)
_UNIT = const(4)
_PIECE = const(2048)
_QUERY = const(0x980098)
_READ = const(0xFF00FF)
_CLEAR_STATUS = const(0x500050)
_DONE = const(0x800080)
_FAILED = const(0x3A003A)


class CfiFlash:
    """The flash at address `base`; speaks MicroPython's extended block device protocol.

    `memory` is all of it as a memoryview to read from, `sector` its erase unit and `size` in bytes.
    Raises OSError: ENODEV when no such flash answers, EINVAL for an access outside the flash or not in
    units of 4 bytes, EIO when cells are not erased or the chips report an error.
    """

    def __init__(self, base: int) -> None:
        _poke(base + 0x55 * _UNIT, _QUERY)
        query = bytes([_peek(base + i * _UNIT) & 0xFF for i in range(0x10, 0x31)])
        _poke(base, _READ)
        if query[:3] != b"QRY" or query[3] != 1:
            raise OSError(errno.ENODEV, "no flash with the Intel command set at %#x" % base)
        # One erase region (0x2d..0x30): blocks - 1, and the size of one in 256 bytes, for each chip.
        blocks = (query[0x1D] | query[0x1E] << 8) + 1
        self.sector = (query[0x1F] | query[0x20] << 8) * 256 * 2
        self.size = blocks * self.sector
        self.memory = memoryview(uctypes.bytearray_at(base, self.size))
        self._base = base
        self._piece = bytearray(_PIECE)

    def readblocks(self, n: int, buf: bytearray | memoryview, off: int = 0) -> None:
        """Fill `buf` from byte `off` of sector `n` on."""
        at = self._check(n, off, len(buf), 1)
        buf[:] = self.memory[at : at + len(buf)]

    def writeblocks(self, n: int, buf: bytes | bytearray | memoryview, off: int | None = None) -> None:
        """Program `buf` at byte `off` of sector `n`; without `off`, erase and program whole sectors."""
        if off is not None:
            self._program(self._check(n, off, len(buf), _UNIT), memoryview(buf))
            return
        at = self._check(n, 0, len(buf), self.sector)
        for number in range(n, n + len(buf) // self.sector):
            self.ioctl(_BLOCK_ERASE, number)
        self._program(at, memoryview(buf))

    def ioctl(self, op: int, arg: int) -> int:
        """Block count (4), block size (5), erase sector `arg` (6)."""
        if op == _BLOCK_COUNT:
            return self.size // self.sector
        if op == _BLOCK_SIZE:
            return self.sector
        if op == _BLOCK_ERASE:
            self._done("erase", _erase(self._base + self._check(arg, 0, self.sector, 1)))
        return 0

    def _program(self, at: int, data: memoryview) -> None:
        """Program by way of a buffer in RAM: `data` may lie in this flash, which now does not read."""
        done = 0
        while done < len(data):
            count = min(len(data) - done, _PIECE - (at + done) % _PIECE)
            self._piece[:count] = data[done : done + count]
            address = self._base + at + done
            if not _only_clears(address, self._piece, count // _UNIT):
                raise OSError(errno.EIO, "program at %#x: cells are not erased" % (at + done))
            self._done("program", _program(address, self._piece, count // _UNIT))
            done += count

    def _done(self, what: str, status: int) -> None:
        if status & _FAILED:
            _poke(self._base, _CLEAR_STATUS)
            _poke(self._base, _READ)
            raise OSError(errno.EIO, "%s: flash status %#x" % (what, status))

    def _check(self, n: int, off: int, length: int, unit: int) -> int:
        at = n * self.sector + off
        if n < 0 or off < 0 or at + length > self.size or at % unit or length % unit:
            raise OSError(errno.EINVAL, "access to %#x+%#x of %#x" % (at, length, self.size))
        return at


@micropython.viper
def _peek(address: int) -> int:
    return ptr32(address)[0]  # noqa: F821


@micropython.viper
def _poke(address: int, value: int):  # type: ignore[no-untyped-def]
    ptr32(address)[0] = value  # noqa: F821


@micropython.viper
def _confirm(address: int) -> int:
    """Carry out the command that was written, wait for its end; returns the status."""
    flash = ptr32(address)  # noqa: F821
    flash[0] = 0xD000D0
    status = 0
    while status & _DONE != _DONE:
        status = flash[0]
    flash[0] = _READ
    return status


@micropython.viper
def _erase(address: int) -> int:
    ptr32(address)[0] = 0x200020  # noqa: F821
    return int(_confirm(address))


@micropython.viper
def _program(address: int, data, words: int) -> int:  # type: ignore[no-untyped-def]
    """Program `words` words that lie within one write buffer."""
    flash = ptr32(address)  # noqa: F821
    source = ptr32(data)  # noqa: F821
    flash[0] = 0xE800E8
    flash[0] = (words - 1) << 16 | (words - 1)
    for i in range(words):
        flash[i] = source[i]
    return int(_confirm(address))


@micropython.viper
def _only_clears(address: int, data, words: int) -> bool:  # type: ignore[no-untyped-def]
    flash = ptr32(address)  # noqa: F821
    new = ptr32(data)  # noqa: F821
    good = True
    for i in range(words):
        if flash[i] & new[i] != new[i]:
            good = False
    return good
