"""Where a radio handler puts what arrives: fragments become whole SMP requests, in fixed buffers.

`put` and `reset_partial` run in the handler, `take` and `release` in the main loop; each counter has
one writer, so neither side needs a lock. Nothing is allocated after the constructor, but for a view of
a request that is not as long as the one that its slot held before. A request that does not fit, or that
finds every slot taken, is dropped and counted; the client sends it again (MCUmgr over BLE has no other
flow control).

A radio may lose a fragment without a word to anybody. Clients cut a request into pieces of one size, the
last one shorter: a short piece that is not the last, or one too long, tells that something is missing. The
request is dropped, and the piece may be the first one of the next.
"""

from ophion_boot.fmt.quick import copy
from ophion_boot.fmt.smp import HEADER_BYTES, may_be_request, payload_length


class Inbox:
    """`slots` requests of up to `size` bytes each, header included."""

    def __init__(self, slots: int, size: int) -> None:
        self.size = size
        self.slots = slots
        self.dropped = 0
        self._buffers = [bytearray(size) for _ in range(slots)]
        self._views = [memoryview(b) for b in self._buffers]
        self._lent = list(self._views)
        self._lengths = [0] * slots
        self._tags = [0] * slots
        self._in = 0
        self._out = 0
        self._have = 0
        self._skip = 0
        self._last = 0

    def put(self, fragment: bytes | memoryview, tag: int = 0) -> bool:
        """Add the next fragment of the stream; returns True when a request became whole.

        `tag` (the connection, say) comes back from `tag()` with the request. The first fragment of a
        request holds at least its header (MCUmgr BLE transport).
        """
        if self._skip:
            self._skip = max(0, self._skip - len(fragment))
            return False
        if self._have and self._broken(len(fragment)):
            self._have = 0
            self.dropped += may_be_request(fragment)
        if not self._have and not self._begin(fragment, tag):
            return False
        slot = self._in % self.slots
        copy(self._buffers[slot], fragment, self._have, 0, len(fragment))
        self._last = len(fragment)
        self._have += self._last
        if self._have < self._lengths[slot]:
            return False
        self._have = 0
        self._in += 1
        return True

    def _broken(self, count: int) -> bool:
        """True when a fragment of `count` bytes cannot be the next one of the request that has begun."""
        rest = self._lengths[self._in % self.slots] - self._have
        return count > rest or (count < self._last and count < rest)

    def _begin(self, fragment: bytes | memoryview, tag: int) -> bool:
        """Make room for the request that begins with `fragment`; False when it is dropped."""
        if not may_be_request(fragment):
            self.dropped += 1
            return False
        total = HEADER_BYTES + payload_length(fragment)
        if total > self.size or self._in - self._out == self.slots:
            self.dropped += 1
            self._skip = total - len(fragment)
            return False
        slot = self._in % self.slots
        self._lengths[slot] = total
        self._tags[slot] = tag
        return True

    def waiting(self) -> bool:
        """True when `take` has a request to lend."""
        return self._in != self._out

    def take(self) -> memoryview | None:
        """A memoryview of the oldest whole request, or None; it is valid until `release`."""
        if self._in == self._out:
            return None
        slot = self._out % self.slots
        length = self._lengths[slot]
        lent = self._lent[slot]
        if len(lent) != length:
            lent = self._lent[slot] = self._views[slot][:length]
        return lent

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
