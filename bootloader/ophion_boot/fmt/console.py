"""SMP on a serial console (Zephyr, "SMP over console"): a packet as lines of base64 between other text.

A packet goes out as u16 length, packet, CRC-16, all big-endian; the length counts the CRC. Its base64 is
cut into lines, the first one marked 06 09, the others 04 14.
"""

import array
import binascii
from struct import pack_into

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.lines import crc16 as _crc16
from ophion_boot.fmt.lines import take_line

_FIRST = b"\x06\x09"
_NEXT = b"\x04\x14"
_LINE_BYTES = const(93)  # of packet in a line of 127: markers, 124 characters, newline
_CRC_BYTES = const(2)
# Words of the state of `lines.take_line`, and what it may find wrong.
_HAVE = const(0)
_WANT = const(1)
_WRONG = (
    "",
    "a line is too long",
    "a line is not base64",
    "the first line has no length",
    "a packet of %d bytes does not fit",
    "more bytes than announced",
)


def _crc_table() -> array.array:
    """What each value of the upper byte leaves: polynomial 0x1021."""
    table = array.array("H", bytes(512))
    for x in range(256):
        low = x ^ x >> 4
        table[x] = (low << 12 ^ low << 5 ^ low) & 0xFFFF
    return table


CRC_TABLE = _crc_table()
"""For `lines.crc16`: CRC-16/XMODEM."""


def _values() -> array.array:
    """The value of each character; above twelve bits for what is none, so that two together show it."""
    table = array.array("H", b"\x00\x10" * 256)
    for value, char in enumerate(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):
        table[char] = value
    return table


VALUES = _values()
"""For `lines.unbase64`: the value of each character, 4096 for what is none (RFC 4648, 4)."""


def crc16(data: bytes | bytearray | memoryview) -> int:
    """CRC-16/XMODEM of `data`."""
    return _crc16(data, 0, len(data), CRC_TABLE)


def lines(packet: bytes | memoryview) -> list[bytes]:
    """`packet` as the lines that go out, newlines included."""
    size = len(packet)
    body = bytearray(2 + size + _CRC_BYTES)
    pack_into(">H", body, 0, size + _CRC_BYTES)
    body[2 : 2 + size] = packet
    pack_into(">H", body, 2 + size, _crc16(packet, 0, size, CRC_TABLE))
    # What MicroPython and CPython make of it ends with a newline. (b2a_base64 takes any buffer.)
    if len(body) <= _LINE_BYTES:
        return [_FIRST + binascii.b2a_base64(body)]  # type: ignore[arg-type]
    out = [_FIRST + binascii.b2a_base64(body[:_LINE_BYTES])]  # type: ignore[arg-type]
    for at in range(_LINE_BYTES, len(body), _LINE_BYTES):
        out.append(_NEXT + binascii.b2a_base64(body[at : at + _LINE_BYTES]))  # type: ignore[arg-type]
    return out


class Reassembly:
    """Packets of up to `size` bytes out of lines."""

    def __init__(self, size: int) -> None:
        most = 2 + size + _CRC_BYTES
        self._body = bytearray(most + _LINE_BYTES)
        self._view = self._lent = memoryview(self._body)
        self._state = array.array("i", [0, 0, most, len(self._body)])

    def line(self, line: bytes | bytearray) -> memoryview | None:
        """The packet that `line` (with or without its newline) completes, valid until the next call, or None.

        Other text is passed over. Raises FormatError for a packet that is too long or damaged; the
        lines that belong to it are passed over, too.
        """
        found = take_line(line, len(line), self._body, self._state, VALUES)
        if found > 0:
            return self._whole()
        if found < 0:
            raise self._wrong(-found)
        return None

    def _wrong(self, found: int) -> FormatError:
        why = _WRONG[found]
        self._state[_HAVE] = 0
        return FormatError("SMP console: " + (why % (self._state[_WANT] - 2) if "%" in why else why))

    def _whole(self) -> memoryview:
        size = self._state[_WANT] - 2
        self._state[_HAVE] = 0
        # A CRC over data and their CRC is 0.
        if _crc16(self._body, 2, size, CRC_TABLE):
            raise FormatError("SMP console: wrong CRC")
        # One view for packets of one length: who gets it may know it again.
        size -= _CRC_BYTES
        if len(self._lent) != size:
            self._lent = self._view[2 : 2 + size]
        return self._lent
