"""Where a radio handler puts what arrives: fragments become whole SMP requests, in fixed buffers.

`put` and `reset_partial` run in the handler, `take` and `release` in the main loop; each counter has
one writer, so neither side needs a lock. Nothing is allocated after the constructor. A request that
does not fit, or that finds every slot taken, is dropped and counted; the client sends it again
(MCUmgr over BLE has no other flow control).
"""

from ophion_boot.fmt.smp import HEADER_BYTES, payload_length


class Inbox:
    """`slots` requests of up to `size` bytes each, header included."""

    def __init__(self, slots: int, size: int) -> None:
        self.size = size
        self.slots = slots
        self.dropped = 0
        self._buffers = [bytearray(size) for _ in range(slots)]
        self._views = [memoryview(b) for b in self._buffers]
        self._lengths = [0] * slots
        self._tags = [0] * slots
        self._in = 0
        self._out = 0
        self._have = 0
        self._skip = 0

    def put(self, fragment: bytes | memoryview, tag: int = 0) -> bool:
        """Add the next fragment of the stream; returns True when a request became whole.

        `tag` (the connection, say) comes back from `tag()` with the request. The first fragment of a
        request holds at least its header (MCUmgr BLE transport).
        """
        count = len(fragment)
        if self._skip:
            self._skip = max(0, self._skip - count)
            return False
        slot = self._in % self.slots
        if self._have == 0:
            if count < HEADER_BYTES:
                self.dropped += 1
                return False
            total = HEADER_BYTES + payload_length(fragment)
            if total > self.size or self._in - self._out == self.slots:
                self._drop(total - count)
                return False
            self._lengths[slot] = total
            self._tags[slot] = tag
        end = self._have + count
        if end > self._lengths[slot]:
            self._drop(0)
            return False
        self._buffers[slot][self._have : end] = fragment
        self._have = end
        if end < self._lengths[slot]:
            return False
        self._have = 0
        self._in += 1
        return True

    def waiting(self) -> bool:
        """True when `take` has a request to lend."""
        return self._in != self._out

    def take(self) -> memoryview | None:
        """A memoryview of the oldest whole request, or None; it is valid until `release`."""
        if self._in == self._out:
            return None
        slot = self._out % self.slots
        return self._views[slot][: self._lengths[slot]]

    def tag(self) -> int:
        """The tag of the request that `take` lends."""
        return self._tags[self._out % self.slots]

    def release(self) -> None:
        """Give the buffer of the request that `take` lent back."""
        self._out += 1

    def partial(self) -> bool:
        """True while a request is incomplete (its sender may have gone silent)."""
        return self._have > 0 or self._skip > 0

    def reset_partial(self) -> None:
        """Forget an incomplete request: the link is gone, or its sender went silent."""
        self._have = 0
        self._skip = 0

    def _drop(self, rest: int) -> None:
        self.dropped += 1
        self._have = 0
        self._skip = max(0, rest)
