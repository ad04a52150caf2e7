"""A NOR flash chip on a file: what a device's flash does, and an error where a chip would corrupt.

Runs on MicroPython (the simulated device) and on CPython (tests). It speaks MicroPython's extended
block device protocol (docs: `vfs.AbstractBlockDev`) the way `esp32.Partition` does
(ports/esp32/esp32_partition.c): `writeblocks(n, buf)` erases and programs whole sectors,
`writeblocks(n, buf, off)` only programs.

Rules, each a `NorViolation` when broken: programming only clears bits; a write unit of 16 bytes or more
(flash encryption) is programmed once after an erase; addresses and lengths are multiples of the write
size; an erase is one whole sector; nothing lies outside the chip.

Power can fail at any operation (`arm_cut`), in the shapes of SHAPES. `torn` takes one of the torn shapes
of the operation by its seed; a torn shape of the other operation does the same.

Reads can fail or lie: `faults` is a list of (start, end, kind), bytes of the chip, kind "fail" (EIO) or
"flip" (one bit of each byte reads wrong; the cells are not changed).
"""

import errno

_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_BLOCK_ERASE = 6
_ENCRYPTED_UNIT = 16
ERASE_SHAPES = ("torn:front", "torn:behind", "torn:pages", "torn:soup", "torn:risen")
PROGRAM_SHAPES = ("torn:prefix", "torn:subset", "torn:word")
SHAPES = ("before", "torn", "after") + ERASE_SHAPES + PROGRAM_SHAPES


class NorViolation(OSError):
    """The caller asked for something a NOR chip cannot do; the flash is unchanged."""

    def __init__(self, text):
        super().__init__(errno.EIO, text)


class PowerCut(BaseException):
    """Raised by a cut whose callback returned: tests in one process use it as the end of power."""


class NorFlash:
    """`size` bytes of flash in `backing` (a file opened r+b, or io.BytesIO), all units in bytes.

    Counters: `ops` (erases and programs), `erases`, `erased` (sector number -> erases), `programmed`
    (bytes). `on_op(kind, addr, length)` is called before each operation.
    """

    def __init__(self, backing, size, sector=4096, write_size=4):
        if size % sector or sector % write_size:
            raise ValueError("size, sector and write size do not divide each other")
        self._file = backing
        self.size = size
        self.sector = sector
        self.write_size = write_size
        self.ops = 0
        self.erases = 0
        self.erased = {}
        self.programmed = 0
        self.on_op = None
        self.faults = []
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
        if self.faults:
            self._disturb(addr, buf)

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

    def _disturb(self, addr, buf):
        for start, end, kind in self.faults:
            first, last = max(start, addr), min(end, addr + len(buf))
            if first >= last:
                continue
            if kind == "fail":
                raise OSError(errno.EIO, "read at %#x failed" % first)
            for at in range(first, last):
                buf[at - addr] ^= 1 << at % 8

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
        self.programmed += len(data)
        if shape != "before":
            out = self._torn_program(addr, data, shape, seed) if shape and shape != "after" else data
            self._file.seek(addr)
            self._file.write(out)
        self._end(shape, callback)

    def _erase(self, addr):
        shape, seed, callback = self._begin("erase", addr, self.sector)
        self.erases += 1
        number = addr // self.sector
        self.erased[number] = self.erased.get(number, 0) + 1
        if shape != "before":
            out = self._torn_erase(addr, shape, seed) if shape and shape != "after" else self._blank
            self._file.seek(addr)
            self._file.write(out)
        self._end(shape, callback)

    def _check_only_clears(self, addr, data):
        old = memoryview(self._old)[: len(data)]
        self._file.seek(addr)
        self._file.readinto(old)
        if old == memoryview(self._blank)[: len(data)]:
            return
        if self.write_size >= _ENCRYPTED_UNIT:
            raise NorViolation("program at %#x: a unit of %d bytes twice" % (addr, self.write_size))
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

    def _content(self, addr, length):
        out = bytearray(length)
        self._file.seek(addr)
        self._file.readinto(out)
        return out

    def _torn_program(self, addr, data, shape, seed):
        """A cut program: what the cells of `data` hold afterwards."""
        rng = _rng(seed + self.ops)
        out = self._content(addr, len(data))
        which = _which(PROGRAM_SHAPES, shape, rng)
        if which == 0:
            _program_prefix(out, data, self.write_size, rng)
        elif which == 1:
            _program_subset(out, data, self.write_size, rng)
        else:
            _program_word(out, data, self.write_size, rng)
        return out

    def _torn_erase(self, addr, shape, seed):
        """A cut erase: what the sector at `addr` holds afterwards."""
        rng = _rng(seed + self.ops)
        out = self._content(addr, self.sector)
        which = _which(ERASE_SHAPES, shape, rng)
        border = rng() % (self.sector + 1)
        if which == 0:
            out[border:] = self._blank[border:]
        elif which == 1:
            out[:border] = self._blank[:border]
        elif which == 2:
            self._erase_pages(out, rng)
        else:
            _raise_bits(out, which == 3, rng)
        return out

    def _erase_pages(self, out, rng):
        """Pages of 8 bytes up to half a sector are erased, or not."""
        page = 8
        while page < self.sector // 2 and rng() % 4:
            page *= 2
        for at in range(0, self.sector, page):
            if rng() & 1:
                out[at : at + page] = self._blank[:page]


def _which(shapes, shape, rng):
    """The index of `shape` in `shapes`; one by chance for plain `torn`."""
    chance = rng() % len(shapes)
    return shapes.index(shape) if shape in shapes else chance


def _some_bits(out, data, start, end, rng):
    for i in range(start, min(len(data), end)):
        out[i] &= data[i] | (rng() & 0xFF)


def _program_prefix(out, data, unit, rng):
    """A prefix is whole, the unit after it has some of its bits cleared."""
    keep = rng() % (len(data) + 1)
    out[:keep] = data[:keep]
    _some_bits(out, data, keep, keep + unit, rng)


def _program_subset(out, data, unit, rng):
    """Each unit is whole, or not there."""
    for at in range(0, len(data), unit):
        if rng() & 1:
            out[at : at + unit] = data[at : at + unit]


def _program_word(out, data, unit, rng):
    """One unit alone is there; when it is the only one, some of its bits."""
    at = rng() % max(1, len(data) // unit) * unit
    if len(data) > unit:
        out[at : at + unit] = data[at : at + unit]
    else:
        _some_bits(out, data, 0, unit, rng)


def _raise_bits(out, soup, rng):
    """Every bit rises or not; in a soup, whole bytes rise, do not, or some of their bits do."""
    for i in range(len(out)):
        bits = rng() & 0xFF
        out[i] |= (0xFF, 0, bits)[rng() % 3] if soup else bits


def _rng(seed):
    """A small generator that gives the same row on both runtimes (Park and Miller, 1988)."""
    state = [seed % 0x7FFFFFFE + 1]

    def step():
        state[0] = state[0] * 48271 % 0x7FFFFFFF
        return state[0] >> 7

    return step
