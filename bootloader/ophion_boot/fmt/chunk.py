"""Chunks in the middle of an upload, {"off", "data"}, and their answers, {"off"}: most of what a server sees.

Both are done without allocating, as long as chunks are alike: with the same map, views and bytes each time.
"""

import array

from ophion_boot.compat import const
from ophion_boot.fmt.quick import fill_offset, find_chunk
from ophion_boot.fmt.smp import HEADER_BYTES

_VIEWS_MAX = const(7)
_OFFSET_AT = const(13)


class Chunk:
    """What the last packet was that `find` knew: `offset` in bytes, and `data`, a view of the packet."""

    def __init__(self) -> None:
        self.offset = 0
        self.data: bytes | memoryview = b""
        self._found = array.array("i", [0, 0, 0])
        self._views: list = []

    def find(self, packet: bytes | memoryview) -> bool:
        """True when `packet` is an upload request with {"off", "data"} and no more; False for any other."""
        found = self._found
        if not find_chunk(packet, len(packet), found):
            return False
        self.offset = found[0]
        for entry in self._views:
            # A buffer that is used again, cut as before: its view is there.
            if entry[0] is packet:
                if entry[1] != found[1] or entry[2] != found[2]:
                    break
                self.data = entry[3]
                return True
        self._cut(packet, found[1], found[2])
        return True

    def _cut(self, packet: bytes | memoryview, start: int, size: int) -> None:
        self._views = [entry for entry in self._views[-_VIEWS_MAX:] if entry[0] is not packet]
        self.data = memoryview(packet)[start : start + size]
        self._views.append((packet, start, size, self.data))


class OffsetResponse:
    """The response {"off": n}, written into the same bytes each time."""

    def __init__(self) -> None:
        out = self._out = bytearray(_OFFSET_AT + 5)
        out[HEADER_BYTES:_OFFSET_AT] = b"\xa1\x63off"
        view = memoryview(out)
        self._views = [view[: _OFFSET_AT + size] for size in range(6)]

    def fill(self, packet: bytes | memoryview, offset: int) -> memoryview:
        """The response to the request `packet`; `offset` is below 2**30. It is valid until the next call."""
        return self._views[fill_offset(self._out, packet, offset)]
