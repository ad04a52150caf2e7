"""A NOR flash chip on a file: what a device's flash does, and an error where a chip would corrupt.

Runs on MicroPython (the simulated device) and on CPython (tests). It speaks MicroPython's extended
block device protocol (docs: `vfs.AbstractBlockDev`) the way `esp32.Partition` does
(ports/esp32/esp32_partition.c): `writeblocks(n, buf)` erases and programs whole sectors,
`writeblocks(n, buf, off)` only programs.

Rules, each a `NorViolation` when broken: programming only clears bits; addresses and lengths are
multiples of the write size; an erase is one whole sector; nothing lies outside the chip.
"""

import errno

_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_BLOCK_ERASE = 6
_PAGE = 256
SHAPES = ("before", "torn", "after")


class NorViolation(OSError):
    """The caller asked for something a NOR chip cannot do; the flash is unchanged."""

    def __init__(self, text):
        super().__init__(errno.EIO, text)


class PowerCut(BaseException):
    """Raised by a cut whose callback returned: tests in one process use it as the end of power."""


class NorFlash:
    """`size` bytes of flash in `backing` (a file opened r+b, or io.BytesIO), all units in bytes."""

    def __init__(self, backing, size, sector=4096, write_size=4):
        if size % sector or sector % write_size:
            raise ValueError("size, sector and write size do not divide each other")
        self._file = backing
        self.size = size
        self.sector = sector
        self.write_size = write_size
        self.ops = 0
        self.erases = 0
        self.on_op = None
        self._cut = None
        self._old = bytearray(sector)
        self._blank = b"\xff" * sector

    def arm_cut(self, op_number, shape, seed=0, callback=None):
        """End power at the operation `op_number` (1 is the next): before, torn in it, or after it."""
        if shape not in SHAPES or op_number < 1:
            raise ValueError("cut shape is one of " + ", ".join(SHAPES) + ", numbered from 1")
        self._cut = (self.ops + op_number, shape, seed, callback)

    def disarm(self):
        """Forget a cut that was not reached."""
        self._cut = None

    def readblocks(self, n, buf, off=0):
        addr = self._check(n, off, len(buf), 1)
        self._file.seek(addr)
        self._file.readinto(buf)

    def writeblocks(self, n, buf, off=None):
        if off is not None:
            self._program(self._check(n, off, len(buf), self.write_size), buf)
            return
        addr = self._check(n, 0, len(buf), self.sector)
        view = memoryview(buf)
        for at in range(0, len(buf), self.sector):
            self._erase(addr + at)
            self._program(addr + at, view[at : at + self.sector])

    def ioctl(self, op, arg):
        if op == _BLOCK_COUNT:
            return self.size // self.sector
        if op == _BLOCK_SIZE:
            return self.sector
        if op == _BLOCK_ERASE:
            self._erase(self._check(arg, 0, self.sector, self.sector))
        return 0

    def _check(self, n, off, length, unit):
        addr = n * self.sector + off
        if n < 0 or off < 0 or addr + length > self.size:
            raise NorViolation("access to %#x..%#x of %#x" % (addr, addr + length, self.size))
        if addr % unit or length % unit:
            raise NorViolation("%#x..%#x is not in units of %d" % (addr, addr + length, unit))
        return addr

    def _program(self, addr, buf):
        view = memoryview(buf)
        while view:
            room = min(len(view), self.sector - addr % self.sector)
            self._program_in_sector(addr, view[:room])
            addr += room
            view = view[room:]

    def _program_in_sector(self, addr, data):
        self._check_only_clears(addr, data)
        shape, seed, callback = self._begin("program", addr, len(data))
        if shape != "before":
            out = self._torn(addr, data, seed) if shape == "torn" else data
            self._file.seek(addr)
            self._file.write(out)
        self._end(shape, callback)

    def _erase(self, addr):
        shape, seed, callback = self._begin("erase", addr, self.sector)
        self.erases += 1
        if shape != "before":
            out = self._torn_erase(addr, seed) if shape == "torn" else self._blank
            self._file.seek(addr)
            self._file.write(out)
        self._end(shape, callback)

    def _check_only_clears(self, addr, data):
        old = memoryview(self._old)[: len(data)]
        self._file.seek(addr)
        self._file.readinto(old)
        if old == memoryview(self._blank)[: len(data)]:
            return
        for i in range(len(data)):
            if old[i] & data[i] != data[i]:
                raise NorViolation("program at %#x sets bits: %02x over %02x" % (addr + i, data[i], old[i]))

    def _begin(self, kind, addr, length):
        self.ops += 1
        if self.on_op:
            self.on_op(kind, addr, length)
        if self._cut and self._cut[0] == self.ops:
            return self._cut[1:]
        return None, 0, None

    def _end(self, shape, callback):
        if shape:
            self._cut = None
            if callback:
                callback()
            raise PowerCut(shape)

    def _torn(self, addr, data, seed):
        """A cut program: a random prefix is whole, the unit after it has some of its bits cleared."""
        rng = _rng(seed + self.ops)
        keep = rng() % (len(data) + 1)
        out = bytearray(len(data))
        self._file.seek(addr)
        self._file.readinto(out)
        out[:keep] = data[:keep]
        for i in range(keep, min(len(data), keep + self.write_size)):
            out[i] &= data[i] | (rng() & 0xFF)
        return out

    def _torn_erase(self, addr, seed):
        """A cut erase, in one of four shapes: from the start, from the end, by pages, or byte by byte."""
        rng = _rng(seed + self.ops)
        out = bytearray(self.sector)
        self._file.seek(addr)
        self._file.readinto(out)
        shape = rng() % 4
        border = rng() % (self.sector + 1)
        if shape == 0:
            out[:border] = self._blank[:border]
        elif shape == 1:
            out[border:] = self._blank[border:]
        elif shape == 2:
            for page in range(0, self.sector, _PAGE):
                if rng() & 1:
                    out[page : page + _PAGE] = self._blank[:_PAGE]
        else:
            for i in range(self.sector):
                out[i] |= (0xFF, 0, rng() & 0xFF)[rng() % 3]
        return out


def _rng(seed):
    """A small generator that gives the same row on both runtimes (Park and Miller, 1988)."""
    state = [seed % 0x7FFFFFFE + 1]

    def step():
        state[0] = state[0] * 48271 % 0x7FFFFFFF
        return state[0] >> 7

    return step
