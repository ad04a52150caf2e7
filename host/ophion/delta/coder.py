"""The writing side of a patch's decisions (SPEC.md 12.4, 12.5): the decoder's model, and the range coder.

The model is the one of `core/delta_viper.py`, written for CPython: what the numbers of a counter lead to is
looked up. Every patch is applied by the device's decoder before it leaves `make_patch`, so that the two
cannot drift apart.
"""

from __future__ import annotations

from array import array
from functools import cache

from ophion_boot.core.delta import CONSTANTS

_UNSENT_MAX = 4
_BOTTOM = 1 << 22
_WHOLE = (1 << 30) - 1
_FIRST_WEIGHT = 1365
_RATES = 128
_CONTEXTS = 3
_FAR = 287


@cache
def _tables() -> tuple[list[int], list[int], list[int], list[int]]:
    """By counter: stretch, what it is after a 1, after a 0. By -287 to 287: squash."""
    stretch = []
    for p in range(4096):
        q = min(p, 4095 - p)
        value = CONSTANTS[q if q < 64 else 64 + (q >> 5)]
        stretch.append(value if p > 2047 else -value)
    after_1, after_0 = [], []
    for counter in range(1 << 16):
        n = counter & 15
        v = counter - n
        rate, n = CONSTANTS[_RATES + min(n, 6)], min(n + 1, 6)
        after_1.append((v + ((65535 - v) * rate >> 8)) & 0xFFF0 | n)
        after_0.append((v - (v * rate >> 8)) & 0xFFF0 | n)
    small = [(64 - (x & 31)) * 128 >> (x >> 5) for x in range(_FAR + 1)]
    squash = [small[-x] if x < 0 else 16384 - small[x] for x in range(-_FAR, _FAR + 1)]
    return [stretch[v >> 4] for v in range(1 << 16)], after_1, after_0, squash


class Coder:
    """Codes symbols; `finish` ends a segment and returns its bytes. `decisions` counts all so far."""

    def __init__(self, table_bits: int) -> None:
        self._bits = table_bits
        self.decisions = 0
        self._begin()

    def _begin(self) -> None:
        self._counters = array("H", bytes(2 << self._bits))
        for i in range(len(self._counters)):
            self._counters[i] = 0x8000
        self._weights = [[_FIRST_WEIGHT] * _CONTEXTS for _ in range(6)]
        self._low = 0
        self._range = _WHOLE
        self._out = bytearray()

    @property
    def size(self) -> int:
        """Bytes of this segment so far."""
        return len(self._out)

    def symbol(self, kind: int, bits: int, value: int, x: int, y: int, z: int) -> None:
        """Code `value`, of `bits` decisions, in the contexts `x`, `y`, `z`."""
        counters, mask = self._counters, (1 << self._bits) - 1
        stretch, after_1, after_0, squash = _tables()
        weights = self._weights[kind]
        u, v, w = weights
        x = kind * 0x3A9 + x * 0x2C35
        y = kind * 0x3A9 + y * 0x1F0D + 0x1D47
        z = kind * 0x3A9 + z * 0x2B6B + 0x3A8E
        size = self._range
        node = 1
        for shift in range(bits - 1, -1, -1):
            step = node * 0x6255
            i, j, k = (x + step) & mask, (y + step) & mask, (z + step) & mask
            a, b, c = stretch[counters[i]], stretch[counters[j]], stretch[counters[k]]
            p = squash[min(max(u * a + v * b + w * c >> 12, -_FAR), _FAR) + _FAR]
            bound = (size >> 14) * p
            if value >> shift & 1:
                after, p, size, node = after_1, 16384 - p, bound, node * 2 + 1
            else:
                after, p, size, node = after_0, -p, size - bound, node * 2
                self._low += bound
            while size < _BOTTOM:
                size <<= 8
                self._shift()
            u = (u + (a * p + 4096 >> 13) + 32768 & 65535) - 32768
            v = (v + (b * p + 4096 >> 13) + 32768 & 65535) - 32768
            w = (w + (c * p + 4096 >> 13) + 32768 & 65535) - 32768
            counters[i] = after[counters[i]]
            counters[j] = after[counters[j]]
            counters[k] = after[counters[k]]
        self._range = size
        weights[:] = u, v, w
        self.decisions += bits

    def finish(self) -> bytes:
        """The bytes of the segment: the number in the last range that ends in the most zeros."""
        for shift in (24, 16, 8, 0):
            value = (self._low + (1 << shift) - 1) >> shift << shift
            if value < self._low + self._range:
                break
        self._low = value
        for _ in range(4):
            self._shift()
        for _ in range(_UNSENT_MAX):
            if len(self._out) > 1 and not self._out[-1]:
                self._out.pop()
        data = bytes(self._out)
        self._begin()
        return data

    def _shift(self) -> None:
        if self._low >> 32:
            at = len(self._out) - 1
            while self._out[at] == 255:
                self._out[at] = 0
                at -= 1
            self._out[at] += 1
        self._out.append(self._low >> 24 & 255)
        self._low = self._low << 8 & 0xFFFFFFFF
