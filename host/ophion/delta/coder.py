"""The writing side of the patch's binary range coder (SPEC.md 12.5), driven by the device's own model."""

from __future__ import annotations

from collections import deque
from functools import partial

from ophion_boot.core import delta_plain
from ophion_boot.core.delta_model import Model

_UNSENT_MAX = 4
_BOTTOM = 1 << 24
_WHOLE = 0xFFFFFFFF


class Coder:
    """Codes the decisions put into `wanted`, in the order in which `model` asks for them.

    `model` believes that it decodes. `finish` ends a segment and returns its bytes.
    """

    def __init__(self, table_bits: int) -> None:
        self._bits = table_bits
        self.wanted: deque[int] = deque()
        functions = (delta_plain.clear, partial(delta_plain.decode, choose=self._choose), delta_plain.table)
        self.model = Model(table_bits, bytearray(0), functions)
        self._low = 0
        self._range = _WHOLE
        self._out = bytearray()

    @property
    def size(self) -> int:
        """Bytes of this segment so far."""
        return len(self._out)

    def want(self, value: int, bits: int) -> None:
        """The next symbol is `value`, of `bits` decisions."""
        self.wanted.extend(value >> i & 1 for i in range(bits - 1, -1, -1))

    def want_number(self, value: int) -> None:
        """The next symbols are those of a number."""
        value += 1
        width = value.bit_length() - 1
        self.want(width, 5)
        self.want(value & ((1 << width) - 1), width)

    def finish(self) -> bytes:
        """The bytes of the segment: the number in the last range that ends in the most zeros."""
        if self.wanted:
            raise AssertionError("the model did not ask for all decisions")
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
        self.model.restart(self._bits)
        self._low = 0
        self._range = _WHOLE
        self._out = bytearray()
        return data

    def _choose(self, _st: object, _inp: object, p: int) -> int:
        bit = self.wanted.popleft()
        bound = (self._range >> 16) * p
        if bit:
            self._range = bound
        else:
            self._low += bound
            self._range -= bound
        while self._range < _BOTTOM:
            self._range <<= 8
            self._shift()
        return bit

    def _shift(self) -> None:
        if self._low >> 32:
            at = len(self._out) - 1
            while self._out[at] == 255:
                self._out[at] = 0
                at -= 1
            self._out[at] += 1
        self._out.append(self._low >> 24 & 255)
        self._low = self._low << 8 & 0xFFFFFFFF
