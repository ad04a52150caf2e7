"""What is known while a delta patch is decoded: counters, weights, and the contexts of each symbol.

Registers (`st`): 0 code, 1 range, 2 place in the input, 3 mask, 4 last place in the input that a symbol may
begin at, 5-8 contexts, 9-16 scratch, 20 place in old, 21 place in out, 22 bytes kept since the last event,
23 the last 8 flags, 24 tail, 25 and 26 the last two bytes, 27 kind of the last event, 28 the last
substitute, 29 bytes to keep until a run is read.
"""

import array

try:
    from ophion_boot.core.delta_viper import clear, decode, table
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.core.delta_plain import clear, decode, table  # type: ignore[assignment]

from ophion_boot.compat import const

AT, LIMIT, OLD, OUT, SINCE, SEEN, TAIL, LAST, SECOND, EVENT, STOP = 2, 4, 20, 21, 22, 23, 24, 25, 26, 27, 29
SUBSTITUTE, INSERT, MOVE, BACK = 0, 1, 2, 3
RUN, LENGTH, DISTANCE, WAY_BACK = 0, 1, 2, 3
STEP = 16
"""After so many bytes without an event the number of those that follow is coded, in units of it."""

_FOLLOW, _LITERALS, _EVENT = const(0), const(1), const(2)
_NEVER = const(0xFFFFFF)
_NUMBER_BITS_MAX = const(24)
_REGISTERS = const(30)
_WEIGHTS = const(72)
_FIRST_WEIGHT = const(33792)  # 0.25


class ModelError(ValueError):
    """A number that no encoder writes."""


class Model:
    """Decodes from `inp`. `bits`: the counters take 2 << `bits` bytes, the one big allocation here.

    `functions` are clear, decode and table of `delta_plain` or `delta_viper`.
    """

    def __init__(self, bits: int, inp: bytearray, functions=(clear, decode, table)) -> None:  # type: ignore[no-untyped-def]
        self._clear, self._decode, table = functions
        self._inp = inp
        self._constants = constants()
        self._counters = table(1 << bits)
        self._weights = array.array("H", range(_WEIGHTS))
        self._widths = bytearray(4)
        self.st = array.array("I", range(_REGISTERS))
        self.restart(bits)

    def restart(self, bits: int) -> None:
        """Forget everything: a segment begins."""
        self._clear(self._counters)
        for i in range(_REGISTERS):
            self.st[i] = 0
        self.st[1] = 0xFFFFFFFF
        self.st[3] = (1 << bits) - 1
        for i in range(_WEIGHTS):
            self._weights[i] = _FIRST_WEIGHT
        for i in range(4):
            self._widths[i] = 0

    def follow(self, old: bytearray, out: bytearray, most: int, room: int) -> int:
        """Take up to `most` bytes of `old` from OLD on to `out` from OUT on, kept or substituted.

        Returns another event that ended it, or 0. With `room` of STEP or more, STEP bytes that are kept end
        it, too; without any it begins with an event.
        """
        self.st[STOP] = STEP if room >= STEP else _NEVER
        return self._run(old, out, _FOLLOW, most, 0 if room else _EVENT)

    def literals(self, old: bytearray, out: bytearray, most: int) -> None:
        """Put up to `most` bytes into `out` from OUT on; beside them is the byte of `old` at OLD."""
        self.st[STOP] = _NEVER
        self._run(old, out, _LITERALS, most)

    def number(self, kind: int) -> int:
        """A number of 0 to 2^24 - 2; `kind` is RUN, LENGTH, DISTANCE or WAY_BACK. Raises ModelError."""
        last, event = self._widths[kind], self.st[EVENT]
        width = self._symbol(5 + kind, 5, 0, last, event, last << 2 | event)
        if width >= _NUMBER_BITS_MAX:
            raise ModelError("number of %d bits" % width)
        self._widths[kind] = width
        value = 1
        left = width
        while left:
            some = min(left, 4)
            if left == width:
                value = value << some | self._symbol(9 + kind, some, 0, width, event, width << 2 | event)
            else:
                value = value << some | self._symbol(13, some, 0, left, kind, left << 2 | kind)
            left -= some
        return value - 1

    def keep(self) -> None:
        """A run of bytes is kept: the next event is less than STEP bytes behind it."""
        self.st[SEEN] = 255
        self.st[TAIL] = 1

    def _symbol(self, kind: int, bits: int, a: int, b: int, c: int, d: int) -> int:
        st = self.st
        kind_hash = kind * 0x3A9
        st[5] = kind_hash + a * 0x2C35
        st[6] = kind_hash + 0x1D47 + b * 0x1F0D
        st[7] = kind_hash + 0x3A8E + c * 0x2B6B
        st[8] = kind_hash + 0x57D5 + d * 0x137D
        return self._run(self._inp, self._inp, kind + 4, bits)

    def _run(self, old: bytearray, out: bytearray, mode: int, count: int, kind: int = 0) -> int:
        w, t, c = self._weights, self._counters, self._constants
        return self._decode(w, kind, self.st, t, w, c, self._inp, old, out, mode, count)


def constants() -> bytearray:
    """Stretch (256 bytes), squash (256 of u16), rates (7): SPEC.md 12.5."""
    c = bytearray(256 + 512 + 7)
    e = one = 1 << 28
    for i in range(256):
        p = max(8, (one << 16) // (e + one))
        c[256 + 2 * i] = p & 255
        c[257 + 2 * i] = p >> 8
        e = e * 278195689 >> 28
    x = 255
    for i in range(256):
        p = 16 * i + 8 if i < 128 else 256 * (i - 128) + 128
        while x and (c[256 + 2 * x] | c[257 + 2 * x] << 8) < p:
            x -= 1
        c[i] = x
    for n in range(7):
        c[768 + n] = 2560 // (10 * n + 16)
    return c
