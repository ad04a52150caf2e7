"""What an .mpy file consists of (MicroPython docs, "MicroPython .mpy files"), as far as its size goes."""

from __future__ import annotations

from ophion.errors import ImageError

_MAGIC, _VERSION = ord("M"), 6
_HEADER_BYTES = 4
_ARCH_FLAGS = 0x40
_PLAIN, _TEXT, _NUMBER, _TUPLE = range(1, 5), range(5, 7), range(7, 10), 10
_FUNCTIONS = 0
_DEPTH_MAX = 32


def mpy_parts(data: bytes) -> dict[str, int]:
    """{"names", "constants", "code"}: bytes of each in the .mpy file `data`; they add up with its header.

    Names are identifiers and short texts, constants the longer texts and numbers, code the rest: bytecode
    with its line numbers. Raises ImageError for a file of another kind or a damaged one.
    """
    if len(data) < _HEADER_BYTES or data[0] != _MAGIC or data[1] != _VERSION:
        raise ImageError(f"not an .mpy file of version {_VERSION}")
    reader = _Reader(data)
    if data[2] & _ARCH_FLAGS:
        reader.number()
    names, constants = reader.number(), reader.number()
    start = reader.at
    for _ in range(names):
        reader.name()
    middle = reader.at
    for _ in range(constants):
        reader.constant()
    return {"names": middle - start, "constants": reader.at - middle, "code": len(data) - reader.at}


class _Reader:
    """Where we are in `data`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = _HEADER_BYTES

    def number(self) -> int:
        """A number in base 128, highest digits first."""
        value = 0
        while True:
            byte = self._byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def name(self) -> None:
        """A name with its zero, or the number of one that MicroPython has."""
        length = self.number()
        if not length & 1:
            self._skip((length >> 1) + 1)

    def constant(self, depth: int = 0) -> None:
        """A constant object."""
        kind = self._byte()
        if kind in _TEXT:
            self._skip(self.number() + 1)
        elif kind in _NUMBER:
            self._skip(self.number())
        elif kind == _TUPLE and depth < _DEPTH_MAX:
            for _ in range(self.number()):
                self.constant(depth + 1)
        elif kind not in _PLAIN and kind != _FUNCTIONS:
            raise ImageError(f".mpy file: constant of type {kind} at {self.at - 1}")

    def _byte(self) -> int:
        self._skip(1)
        return self._data[self.at - 1]

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self._data):
            raise ImageError(".mpy file is cut off")
