"""The link layer of a BLE connection, as time: connection events, packets, acknowledgements, two queues.

Core specification 5.4, Vol 6 Part B: packets (2.1: preamble, 4 bytes of access address, 2 of header, at most
251 of payload with data length extension, 3 of CRC), T_IFS of 150 us (4.1), one exchange after the other
from the anchor of a connection event until both have nothing more to send or the next anchor comes (4.5.1,
4.5.6). The central's packet comes first, and each is answered by one of the peripheral's, empty or not.
Nothing is lost on air. L2CAP takes 4 bytes of a write, ATT 3 (Vol 3 Part A 3.1 and Part F 3.4).
"""

import asyncio
from collections import deque
from dataclasses import dataclass

LL_PAYLOAD = 251
OVERHEAD = 4 + 3
T_IFS = 150e-6
PREAMBLE = {"1M": 1, "2M": 2}
BYTE = {"1M": 8e-6, "2M": 4e-6}
FRAME = 4 + 2 + 3


@dataclass(frozen=True)
class LinkOptions:
    """`interval` in seconds; `packets` is the most that a connection event has (0: what fits)."""

    interval: float = 0.015
    phy: str = "1M"
    packets: int = 0

    def air(self, payload: int) -> float:
        """Seconds on air of a packet with `payload` bytes."""
        return (PREAMBLE[self.phy] + FRAME + payload) * BYTE[self.phy]

    def exchange(self, out: int, back: int) -> float:
        """Seconds of a packet, its answer, and the gaps behind both."""
        return self.air(out) + T_IFS + self.air(back) + T_IFS

    def rate(self) -> float:
        """Bytes of ATT values a second that a central can write at most, with the best length of a write."""
        best = 0.0
        for packets in range(1, 4):
            full = int((self.interval + 1e-9) / self.exchange(LL_PAYLOAD, 0))
            count = min(full, self.packets) if self.packets else full
            value = min(512, packets * LL_PAYLOAD - OVERHEAD)
            best = max(best, count * value / -(-(value + OVERHEAD) // LL_PAYLOAD) / self.interval)
        return best


class Radio:
    """One connection. `on_device` and `on_host` get each ATT value when its last packet has arrived.

    `room()` says whether the device has a buffer for another packet; without one it is sent again later.
    """

    def __init__(self, options: LinkOptions, room) -> None:
        self.options = options
        self.on_device = self.on_host = None
        self.packets = 0
        self._room = room
        self._up: deque = deque()
        self._down: deque = deque()
        self.loop = asyncio.get_running_loop()
        self._anchor = self.loop.time()
        self._in_event = 0
        self._timer = self.loop.call_soon(self._event)

    def close(self) -> None:
        """No more connection events."""
        self._timer.cancel()

    def to_device(self, value: bytes) -> None:
        """A write without response."""
        self._queue(self._up, value)

    def to_host(self, value: bytes) -> None:
        """A notification."""
        self._queue(self._down, value)

    def _queue(self, queue: deque, value: bytes) -> None:
        size = len(value) + OVERHEAD
        while size > LL_PAYLOAD:
            queue.append((LL_PAYLOAD, None))
            size -= LL_PAYLOAD
        queue.append((size, bytes(value)))

    def _event(self) -> None:
        self._anchor = self.loop.time()
        self._in_event = 0
        self._exchange()

    def _exchange(self) -> None:
        """The next exchange of this event, or the end of the event."""
        options = self.options
        out = self._up[0] if self._up and self._room() else None
        back = self._down[0] if self._down else None
        took = options.exchange(out[0] if out else 0, back[0] if back else 0)
        over = self.loop.time() + took > self._anchor + options.interval + 1e-9
        if (not out and not back) or over or (options.packets and self._in_event == options.packets):
            self._timer = self.loop.call_at(self._anchor + options.interval, self._event)
            return
        self._in_event += 1
        self._timer = self.loop.call_later(took, self._arrived, bool(out), bool(back))

    def _arrived(self, out: bool, back: bool) -> None:
        if out:
            self.packets += 1
            self.on_device(self._up.popleft()[1])
        if back:
            value = self._down.popleft()[1]
            if value is not None:
                self.on_host(value)
        self._exchange()
