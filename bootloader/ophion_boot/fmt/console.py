"""SMP on a serial console (Zephyr, "SMP over console"): a packet as lines of base64 between other text.

A packet goes out as u16 length, packet, CRC-16, all big-endian; the length counts the CRC. Its base64 is
cut into lines, the first one marked 06 09, the others 04 14.
"""

import binascii

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.quick import copy
from ophion_boot.fmt.quick import crc16 as _crc16

_FIRST = b"\x06\x09"
_NEXT = b"\x04\x14"
_LINE_BYTES = const(93)  # of packet in a line of 127: markers, 124 characters, newline
_CRC_BYTES = const(2)


def crc16(data: bytes | bytearray | memoryview) -> int:
    """CRC-16/XMODEM of `data`."""
    return _crc16(data, 0, len(data))


def lines(packet: bytes | memoryview) -> list[bytes]:
    """`packet` as the lines that go out, newlines included."""
    size = len(packet) + _CRC_BYTES
    # MicroPython joins bytes alone, no views.
    body = b"".join((size.to_bytes(2, "big"), bytes(packet), crc16(packet).to_bytes(2, "big")))
    # What MicroPython and CPython make of it ends with a newline.
    out = [_FIRST + binascii.b2a_base64(body[:_LINE_BYTES])]
    for at in range(_LINE_BYTES, len(body), _LINE_BYTES):
        out.append(_NEXT + binascii.b2a_base64(body[at : at + _LINE_BYTES]))
    return out


class Reassembly:
    """Packets of up to `size` bytes out of lines."""

    def __init__(self, size: int) -> None:
        self._body = bytearray(2 + size + _CRC_BYTES)
        self._view = self._lent = memoryview(self._body)
        self._have = 0
        self._want = 0

    def line(self, line: bytes | bytearray) -> memoryview | None:
        """The packet that `line` (with or without its newline) completes, valid until the next call, or None.

        Other text is passed over. Raises FormatError for a packet that is too long or damaged; the
        lines that belong to it are passed over, too.
        """
        first = line.startswith(_FIRST)
        if first:
            self._have = self._want = 0
        elif not self._have or not line.startswith(_NEXT):
            return None
        try:
            piece = binascii.a2b_base64(line[2:])  # type: ignore[arg-type]
        except ValueError:
            raise self._lost("a line is not base64")
        end = self._have + len(piece)
        if first:
            if end < 2:
                raise self._lost("the first line has no length")
            self._want = 2 + (piece[0] << 8 | piece[1])
            if not 2 + _CRC_BYTES <= self._want <= len(self._body):
                raise self._lost("a packet of %d bytes does not fit" % (self._want - 2))
        if end > self._want:
            raise self._lost("more bytes than announced")
        copy(self._body, piece, self._have, 0, len(piece))
        self._have = end
        return self._whole() if end == self._want else None

    def _whole(self) -> memoryview:
        end = self._want - _CRC_BYTES
        body = self._body
        self._have = 0
        if _crc16(body, 2, end - 2) != body[end] << 8 | body[end + 1]:
            raise FormatError("SMP console: wrong CRC")
        # One view for packets of one length: who gets it may know it again.
        if len(self._lent) != end - 2:
            self._lent = self._view[2:end]
        return self._lent

    def _lost(self, why: str) -> FormatError:
        self._have = 0
        return FormatError("SMP console: " + why)
