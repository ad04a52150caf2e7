"""Chunks in the middle of an upload, {"off", "data"}, and their answers, {"off"}: most of what a server sees.

Both are done without allocating, as long as chunks are alike: with the same map, views and bytes each time.
"""

import array

from ophion_boot.compat import const
from ophion_boot.fmt.quick import find_chunk
from ophion_boot.fmt.smp import HEADER_BYTES, Request

_VIEWS_MAX = const(8)
_OFFSET_AT = const(13)


class Chunk:
    """What the last packet was that `find` knew: `offset` in bytes, and `data`, a view of the packet."""

    def __init__(self) -> None:
        self.offset = 0
        self.data: bytes | memoryview = b""
        self._found = array.array("i", [0, 0, 0])
        self._views: list = []

    def find(self, packet: bytes | memoryview) -> bool:
        """True when the payload of `packet` is {"off", "data"}; False for any other, right or wrong."""
        found = self._found
        if not find_chunk(packet, len(packet), found):
            return False
        self.offset = found[0]
        for entry in self._views:
            # A buffer that is used again, cut as before: its view is there.
            if entry[0] is packet and entry[1] == found[1] and entry[2] == found[2]:
                self.data = entry[3]
                return True
        self._cut(packet, found[1], found[2])
        return True

    def _cut(self, packet: bytes | memoryview, start: int, size: int) -> None:
        if len(self._views) == _VIEWS_MAX:
            self._views.clear()
        self.data = memoryview(packet)[start : start + size]
        self._views.append((packet, start, size, self.data))


class OffsetResponse:
    """The response {"off": n}, written into the same bytes each time."""

    def __init__(self) -> None:
        out = self._out = bytearray(_OFFSET_AT + 5)
        out[HEADER_BYTES:_OFFSET_AT] = b"\xa1\x63off"
        view = memoryview(out)
        self._short = [view[: _OFFSET_AT + 1 + (1 << i >> 1)] for i in range(3)]
        self._long = view

    def fill(self, request: Request, offset: int) -> memoryview:
        """The response to `request`; `offset` is below 2**30. It is valid until the next call."""
        out = self._out
        out[0] = request.version << 3 | request.op + 1
        out[4] = request.group >> 8
        out[5] = request.group & 255
        out[6] = request.seq
        out[7] = request.command
        if offset > 0xFFFF:
            out[3] = 10
            out[13] = 0x1A
            out[14] = offset >> 24
            out[15] = offset >> 16 & 255
            out[16] = offset >> 8 & 255
            out[17] = offset & 255
            return self._long
        wide = 2 if offset > 255 else 1 if offset > 23 else 0
        out[3] = 6 + (1 << wide >> 1)
        out[13] = 23 + wide if wide else offset
        if wide:
            out[14] = offset >> 8 if wide > 1 else offset
            out[15] = offset & 255
        return self._short[wide]
