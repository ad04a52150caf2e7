"""The writing side of a patch's decisions (SPEC.md 12.4, 12.5): the decoder's model, and the range coder.

The model is the one of `core/delta_viper.py`, written for CPython: what a counter leads to hangs on it. Every
patch is applied by the device's decoder before it leaves `make_patch`, so that the two cannot drift apart.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ophion_boot.core.delta import CONSTANTS

_UNSENT_MAX = 4
_BOTTOM = 1 << 22
_WHOLE = (1 << 30) - 1
_FIRST_COUNTER = 0x8000
_FIRST_WEIGHT = 1365
_RATES = 128
_CONTEXTS = 3
_KINDS = 6
_FAR = 287
_FARTHEST = 3 * 255 * 8
"""What three weights of less than 8 make of the largest stretch."""
_STRAY = 32768 - 8 * 511
"""A weight below this cannot come to its end, 32768, within a symbol."""


@cache
def _first_counter() -> list[Any]:
    """Stretch, the counter that it is after a 0, the one after a 1; all counters hang on the first one."""
    counters: dict[int, list[Any]] = {}

    def counter(value: int) -> list[Any]:
        if value not in counters:
            p = value >> 4
            q = min(p, 4095 - p)
            stretch = CONSTANTS[q if q < 64 else 64 + (q >> 5)]
            counters[value] = [stretch if p > 2047 else -stretch]
            todo.append(value)
        return counters[value]

    todo: list[int] = []
    first = counter(_FIRST_COUNTER)
    while todo:
        value = todo.pop()
        n = value & 15
        v = value - n
        rate, n = CONSTANTS[_RATES + n], min(n + 1, 6)
        counters[value] += [
            counter((v - (v * rate >> 8)) & 0xFFF0 | n),
            counter((v + ((65535 - v) * rate >> 8)) & 0xFFF0 | n),
        ]
    return first


@cache
def _squash() -> list[int]:
    """By -6120 to 6120, as Python counts from either end of a list: the probability of a 1."""
    far = range(_FARTHEST + 1)
    small = [(64 - (x & 31)) * 128 >> (x >> 5) for x in (min(x, _FAR) for x in far)]
    return [16384 - p for p in small] + [small[-x] for x in range(-_FARTHEST, 0)]


@cache
def _steps(bits: int, value: int) -> list[tuple[int, int]]:
    """By decision of a symbol: its node, multiplied, and the bit."""
    return [
        (((1 << bits | value) >> shift + 1) * 0x6255, value >> shift & 1) for shift in range(bits - 1, -1, -1)
    ]


class Coder:
    """Codes symbols; `finish` ends a segment and returns its bytes. `decisions` counts all so far."""

    def __init__(self, table_bits: int) -> None:
        self._bits = table_bits
        self.decisions = 0
        self._squash = _squash()
        self._begin()

    def _begin(self) -> None:
        self._counters = [_first_counter()] * (1 << self._bits)
        self._weights = [[_FIRST_WEIGHT] * _CONTEXTS for _ in range(_KINDS)]
        self._low = 0
        self._range = _WHOLE
        self._out = bytearray()

    @property
    def size(self) -> int:
        """Bytes of this segment so far."""
        return len(self._out)

    def symbol(self, kind: int, bits: int, value: int, x: int, y: int, z: int) -> None:
        """Code `value`, of `bits` decisions, in the contexts `x`, `y`, `z`."""
        counters, squash, mask = self._counters, self._squash, (1 << self._bits) - 1
        weights = self._weights[kind]
        u, v, w = weights
        near = -_STRAY < u < _STRAY and -_STRAY < v < _STRAY and -_STRAY < w < _STRAY
        x = kind * 0x3A9 + x * 0x2C35
        y = kind * 0x3A9 + y * 0x1F0D + 0x1D47
        z = kind * 0x3A9 + z * 0x2B6B + 0x3A8E
        size = self._range
        for step, bit in _steps(bits, value):
            i, j, k = x + step & mask, y + step & mask, z + step & mask
            a, b, c = counters[i][0], counters[j][0], counters[k][0]
            p = squash[u * a + v * b + w * c >> 12]
            bound = (size >> 14) * p
            if bit:
                p = 16384 - p
                size = bound
                counters[i] = counters[i][2]
                counters[j] = counters[j][2]
                counters[k] = counters[k][2]
            else:
                p = -p
                size -= bound
                self._low += bound
                counters[i] = counters[i][1]
                counters[j] = counters[j][1]
                counters[k] = counters[k][1]
            u += a * p + 4096 >> 13
            v += b * p + 4096 >> 13
            w += c * p + 4096 >> 13
            if not near:
                u, v, w = ((weight + 32768 & 65535) - 32768 for weight in (u, v, w))
            while size < _BOTTOM:
                size <<= 8
                self._shift()
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
