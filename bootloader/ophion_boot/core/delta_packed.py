"""The segments of a patch that needs no old image: each is a stream of `deflate` (SPEC.md 12.6)."""

import gc

from ophion_boot.fmt.delta import PACKED_MAX

try:
    from io import BytesIO

    from deflate import RAW, DeflateIO
except ImportError:  # CPython
    from ophion_boot.core.deflate_plain import RAW, BytesIO, DeflateIO  # type: ignore[no-redef]


class Packed:
    """Collects a segment, of PACKED_MAX bytes at most, and unpacks it with a window of 1 << `bits` bytes."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._data = BytesIO(PACKED_MAX)
        self.write = self._data.write

    def begin(self) -> None:
        """A segment begins: what is written from now on is of it."""
        self._data.seek(0)
        self._stream: DeflateIO = None  # type: ignore[assignment]

    def readinto(self, buf: memoryview) -> int:
        """The next bytes of what the segment makes; returns how many, 0 at its end or where it is damaged."""
        try:
            if not self._stream:
                self._data.seek(0)
                # The window is taken anew for each segment.
                gc.collect()
                self._stream = DeflateIO(self._data, RAW, self._bits)
            return self._stream.readinto(buf)
        except (OSError, EOFError):
            return 0
