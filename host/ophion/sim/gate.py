"""The receive buffers of the device's Bluetooth host: what does not fit waits, then is lost.

On ESP32 chips whose controller is on the die, an ACL packet needs a host mbuf. While the host task
cannot run (it needs the GIL, which a flash operation holds), the 24 buffers fill up; from ESP-IDF
5.5.1 on a packet is retried for 29 ticks and then dropped, without a word to anybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from bumble import hci
from bumble.host import Host

from ophion.sim.options import RadioOptions

_log = logging.getLogger(__name__)
_ACL_HEADER = 5  # H4 type, handle, length
_BUFFER = 251  # payload of one ACL packet on air


def buffers_for(length: int) -> int:
    """Receive buffers that `length` bytes of ACL payload take."""
    return max(1, -(-length // _BUFFER))


class AclGate:
    """Between the virtual controller and the host; one packet per turn of the loop."""

    def __init__(self, host: Host, options: RadioOptions, occupied: Callable[[], int]) -> None:
        self.dropped = 0
        self._host = host
        self._options = options
        self._occupied = occupied
        self._queue: deque[bytes] = deque()
        self._running = False
        self._patience: asyncio.TimerHandle | None = None

    def on_packet(self, packet: bytes) -> None:
        """From the controller."""
        self._queue.append(packet)
        self._run_soon()

    def freed(self) -> None:
        """The host has finished with a packet."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
            self._run_soon()

    def close(self) -> None:
        self._queue.clear()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _run_soon(self) -> None:
        if not self._running and self._patience is None:
            self._running = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._running = False
        if not self._queue:
            return
        packet = self._queue[0]
        if packet[0] == hci.HCI_ACL_DATA_PACKET:
            need = buffers_for(len(packet) - _ACL_HEADER)
            if self._occupied() + need > self._options.acl_buffers:
                loop = asyncio.get_running_loop()
                self._patience = loop.call_later(self._options.acl_patience, self._drop)
                return
        self._queue.popleft()
        try:
            self._host.on_packet(packet)
        except Exception:  # a host that stumbles over one packet goes on with the next
            _log.exception("the device's host failed")
        if self._queue:
            self._run_soon()

    def _drop(self) -> None:
        self._patience = None
        if self._queue:
            self._queue.popleft()
            self.dropped += 1
        self._run_soon()
