"""CBOR (RFC 8949) as SMP uses it: maps, arrays, strings, integers, simple values, floats, tags.

The decoder takes hostile input: lengths are checked before they are used, nesting and the number of
items are bounded, and everything it raises is FormatError. Byte strings come out as slices of the
input, not copies, so they are valid as long as the input is.
"""

import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError

_DEPTH_MAX = const(8)
_ITEMS_MAX = const(256)
_INDEFINITE = const(31)
_BREAK = const(0xFF)

_BREAK_MARK = object()


def decode_map(data: bytes | memoryview) -> dict:
    """Decode one map that fills `data` exactly; no bytes at all are an empty map (some clients)."""
    if not len(data):
        return {}
    decoder = _Decoder(data)
    value = decoder.item(0)
    if not isinstance(value, dict):
        raise FormatError("CBOR: the payload is not a map")
    if decoder.at != len(data):
        raise FormatError("CBOR: %d bytes after the map" % (len(data) - decoder.at))
    return value


class _Decoder:
    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self.at = 0
        self.items = 0

    def item(self, depth: int) -> object:
        """The next item; `_BREAK_MARK` for the end of an indefinite one (only valid inside one)."""
        value = self._any(depth)
        if value is _BREAK_MARK:
            raise FormatError("CBOR: break outside an indefinite item at +%d" % (self.at - 1))
        return value

    def _any(self, depth: int) -> object:
        self.items += 1
        if depth > _DEPTH_MAX or self.items > _ITEMS_MAX:
            raise FormatError("CBOR: nested deeper than %d or more than %d items" % (_DEPTH_MAX, _ITEMS_MAX))
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if first == _BREAK:
            return _BREAK_MARK
        if major == 7:
            return self._simple(info)
        if info == _INDEFINITE:
            return self._indefinite(major, depth)
        argument = self._argument(info)
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return self._take(argument)
        if major == 3:
            return self._text(self._take(argument))
        if major == 4:
            return self._array(argument, depth)
        if major == 5:
            return self._map(argument, depth)
        return self.item(depth + 1)

    def _take(self, count: int) -> memoryview:
        end = self.at + count
        if end > len(self.data):
            raise FormatError(
                "CBOR: %d bytes wanted at +%d, %d left" % (count, self.at, len(self.data) - self.at)
            )
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise FormatError("CBOR: reserved length code %d at +%d" % (info, self.at - 1))
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _text(self, piece: memoryview) -> str:
        try:
            return str(piece, "utf-8")
        except (UnicodeError, ValueError):
            raise FormatError("CBOR: text is not UTF-8 before +%d" % self.at)

    def _array(self, count: int, depth: int) -> list:
        if count > _ITEMS_MAX:
            raise FormatError("CBOR: array of %d items" % count)
        return [self.item(depth + 1) for _ in range(count)]

    def _map(self, count: int, depth: int) -> dict:
        if count > _ITEMS_MAX:
            raise FormatError("CBOR: map of %d pairs" % count)
        out: dict = {}
        for _ in range(count):
            self._pair(out, self.item(depth + 1), depth)
        return out

    def _pair(self, out: dict, key: object, depth: int) -> None:
        if not isinstance(key, (str, int)):
            raise FormatError("CBOR: a map key is neither text nor number before +%d" % self.at)
        if key in out:
            raise FormatError("CBOR: map key %r stands twice" % key)
        out[key] = self.item(depth + 1)

    def _indefinite(self, major: int, depth: int) -> object:
        if major == 5:
            out: dict = {}
            for key in self._until_break(depth):
                self._pair(out, key, depth)
            return out
        if major == 4:
            return list(self._until_break(depth))
        if major in (2, 3):
            parts: list = []
            for part in self._until_break(depth):
                if isinstance(part, str) != (major == 3) or not isinstance(part, (str, memoryview)):
                    raise FormatError("CBOR: a string is made of other parts before +%d" % self.at)
                parts.append(part if isinstance(part, str) else bytes(part))
            return "".join(parts) if major == 3 else memoryview(b"".join(parts))
        raise FormatError("CBOR: type %d cannot be indefinite at +%d" % (major, self.at - 1))

    def _until_break(self, depth: int):  # type: ignore[no-untyped-def]
        while True:
            value = self._any(depth + 1)
            if value is _BREAK_MARK:
                return
            yield value

    def _simple(self, info: int) -> bool | float | None:
        if info == 20:
            return False
        if info == 21:
            return True
        if info in (22, 23):
            return None
        if info == 25:
            return _half(int.from_bytes(self._take(2), "big"))
        if info == 26:
            return struct.unpack(">f", self._take(4))[0]
        if info == 27:
            return struct.unpack(">d", self._take(8))[0]
        raise FormatError("CBOR: simple value %d at +%d" % (info, self.at - 1))


def _half(bits: int) -> float:
    """An IEEE 754 half precision number (RFC 8949, appendix D)."""
    exponent, fraction = bits >> 10 & 31, bits & 1023
    if exponent == 31:
        value = float("nan") if fraction else float("inf")
    elif exponent:
        value = (1024 + fraction) * 2.0 ** (exponent - 25)
    else:
        value = fraction * 2.0**-24
    return -value if bits >> 15 else value


def encode(value: object) -> bytes:
    """The bytes of `value`: dict, list, tuple, str, bytes, memoryview, int, bool or None."""
    out = bytearray()
    _encode(out, value)
    return bytes(out)


def _head(out: bytearray, major: int, argument: int) -> None:
    if argument < 24:
        out.append(major << 5 | argument)
        return
    size = 0
    while argument >> (8 << size):
        size += 1
    if size > 3:
        raise ValueError("CBOR: a number needs more than 64 bits")
    out.append(major << 5 | 24 + size)
    out.extend(argument.to_bytes(1 << size, "big"))


def _encode(out: bytearray, value: object) -> None:
    if value is None:
        out.append(0xF6)
    elif isinstance(value, bool):
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        _head(out, *((1, -1 - value) if value < 0 else (0, value)))
    elif isinstance(value, str):
        data = value.encode()
        _head(out, 3, len(data))
        out.extend(data)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _head(out, 2, len(value))
        out.extend(value)
    elif isinstance(value, dict):
        _head(out, 5, len(value))
        for key in value:
            _encode(out, key)
            _encode(out, value[key])
    elif isinstance(value, (list, tuple)):
        _head(out, 4, len(value))
        for item in value:
            _encode(out, item)
    else:
        raise ValueError("CBOR: cannot encode %r" % (value,))
