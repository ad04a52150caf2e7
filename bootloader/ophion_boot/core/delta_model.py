"""What is known while a delta patch is decoded: counters, weights, and the contexts of each symbol.

Registers (`st`): 0 code, 1 range, 2 place in the input, 3 mask, 4 last place that may be read from,
5-9 contexts, 10-14 and 24-28 scratch, 16 place in old or out, 17 flags since the last event, 18 the last
8 flags, 19 tail, 20 and 21 the last two bytes, 22 event met, 23 kind of the last event.
"""

import array

try:
    from ophion_boot.core.delta_viper import clear, decode, table
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.core.delta_plain import clear, decode, table  # type: ignore[assignment]

from ophion_boot.compat import const

AT, LIMIT, PLACE, SINCE, TAIL, LAST, SECOND, MET, EVENT = 2, 4, 16, 17, 19, 20, 21, 22, 23
SUBSTITUTE, INSERT, MOVE, BACK = 0, 1, 2, 3
RUN, LENGTH, DISTANCE, WAY_BACK = 0, 1, 2, 3
STEP = 16
"""After so many flags without an event the number of bytes that are the same is coded, in units of it."""

_SEEN = const(18)
_NUMBER_BITS_MAX = const(24)
_WEIGHTS = const(90)
_FIRST_WEIGHT = const(33792)  # 0.25


class ModelError(ValueError):
    """A number that no encoder writes."""


class Model:
    """Decodes symbols from `inp`. `bits`: the table has 2 << `bits` bytes, the one big allocation here.

    `functions` are clear, decode, table of `delta_plain` or `delta_viper`.
    """

    def __init__(self, bits: int, inp: bytearray, functions=(clear, decode, table)) -> None:  # type: ignore[no-untyped-def]
        self._clear, self._decode, table = functions
        self._inp = inp
        self._constants = constants()
        self._counters = table(1 << bits)
        self._weights = array.array("H", range(_WEIGHTS))
        self.st = array.array("I", range(30))
        self.restart(bits)

    def restart(self, bits: int) -> None:
        """Forget everything: a segment begins."""
        self._clear(self._counters)
        st = self.st
        for i in range(30):
            st[i] = 0
        st[1] = 0xFFFFFFFF
        st[3] = (1 << bits) - 1
        for i in range(_WEIGHTS):
            self._weights[i] = _FIRST_WEIGHT
        self._delta = 0
        self._widths = bytearray(4)

    def flags(self, old: bytearray, place: int, most: int) -> int:
        """How many of the next `most` bytes of `old` from `place` on are kept; MET says that an event follows."""
        st = self.st
        st[PLACE] = place
        st[MET] = 0
        return self._decode(st, self._counters, self._weights, self._constants, self._inp, old, old, 0, most)

    def literals(self, here: bytearray, out: bytearray, place: int, most: int) -> int:
        """Put up to `most` bytes into `out` from `place` on; how many. `here` is the byte of old beside them."""
        self.st[PLACE] = place
        return self._decode(
            self.st, self._counters, self._weights, self._constants, self._inp, here, out, 1, most
        )

    def event(self, here: int, before: int) -> int:
        """The kind of the next event; `here` and `before` are bytes of old."""
        st = self.st
        last = st[EVENT]
        since = min(st[SINCE], 15)
        kind = self._symbol(2, 2, last, before, since | last << 4, here, last << 4 | st[_SEEN] & 15)
        st[EVENT] = kind
        st[_SEEN] = st[_SEEN] << 1 & 255
        st[SINCE] = st[TAIL] = 0
        return kind

    def substitute(self, here: int, before: int) -> int:
        """What is added to the byte `here`."""
        delta = self._symbol(3, 8, 0, self._delta, here, here << 8 | before, before)
        self._delta = delta
        return delta

    def number(self, kind: int) -> int:
        """A number of 0 to 2^24 - 2; `kind` is RUN, LENGTH, DISTANCE or WAY_BACK. Raises ModelError."""
        last, event = self._widths[kind], self.st[EVENT]
        width = self._symbol(5 + kind, 5, 0, last, event, last << 2 | event, 0)
        if width >= _NUMBER_BITS_MAX:
            raise ModelError("number of %d bits" % width)
        self._widths[kind] = width
        value = 1
        left = width
        while left:
            some = min(left, 4)
            if left == width:
                value = value << some | self._symbol(9 + kind, some, width, width, width << 2 | event, 0, 0)
            else:
                value = value << some | self._symbol(13, some, left, kind, left << 2 | kind, 0, 0)
            left -= some
        return value - 1

    def keep(self) -> None:
        """A run of bytes was the same."""
        self.st[_SEEN] = 255
        self.st[TAIL] = 1

    def _symbol(self, kind: int, bits: int, a: int, b: int, c: int, d: int, e: int) -> int:
        st = self.st
        kind_hash = kind * 0x3A9
        st[5] = kind_hash + a * 0x2C35
        st[6] = kind_hash + 0x1D47 + b * 0x1F0D
        st[7] = kind_hash + 0x3A8E + c * 0x2B6B
        st[8] = kind_hash + 0x57D5 + d * 0x137D
        st[9] = kind_hash + 0x751C + e * 0x361F
        inp = self._inp
        return self._decode(
            st, self._counters, self._weights, self._constants, inp, inp, inp, kind + 4, bits
        )


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
