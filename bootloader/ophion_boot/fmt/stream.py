"""SMP packets one behind the other, with nothing between them (Zephyr, "raw UART transport").

The header says where a packet ends. Nothing says where one begins: what cannot be the header of a request
is passed over byte by byte, and after silence, which its reader has to notice, the next byte begins one.
"""

from ophion_boot.fmt.smp import HEADER_BYTES, is_request, payload_length


class Stream:
    """Packets of up to `size` bytes out of a stream. `dropped` counts bytes that belong to none."""

    def __init__(self, size: int) -> None:
        self._data = bytearray(size)
        self._view = memoryview(self._data)
        self._have = 0
        self._end = 0
        self.dropped = 0

    def take(self, byte: int) -> memoryview | None:
        """The packet that `byte` completes, valid until the next call, or None."""
        self._data[self._have] = byte
        self._have += 1
        if self._have == HEADER_BYTES:
            self._end = HEADER_BYTES + payload_length(self._data)
            if self._end > len(self._data) or not is_request(self._data):
                self._shift()
                return None
        if self._have < HEADER_BYTES or self._have < self._end:
            return None
        self._have = 0
        return self._view[: self._end]

    def partial(self) -> bool:
        """True while a packet is incomplete (its sender may have gone silent)."""
        return self._have > 0

    def reset(self) -> None:
        """Forget an incomplete packet."""
        self.dropped += self._have
        self._have = 0

    def _shift(self) -> None:
        """Pass over the first byte: a header may begin at the next one."""
        self._data[: HEADER_BYTES - 1] = self._data[1:HEADER_BYTES]
        self._have -= 1
        self.dropped += 1
