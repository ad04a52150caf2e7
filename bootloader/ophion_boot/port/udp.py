"""SMP over UDP: one datagram is one packet (Zephyr, "SMP over UDP").

The network is the application's: nothing here brings an interface up. Until one is there the socket cannot
be opened on some chips, so it is tried again now and then.
"""

import socket
import time

from ophion_boot.compat import const
from ophion_boot.core.smp_session import Session
from ophion_boot.port.wire import Limits, Wire

DATAGRAM_BYTES = 1472
"""What a datagram takes in an Ethernet frame (RFC 894) behind the headers of IPv4 and UDP: lwIP on an ESP32
puts fragments together only where it was built to."""
_RETRY_MS = const(5000)
_BUSY_MS = const(1000)
_A_POLL = const(4)


class UdpServer(Wire):
    """Serves `session` on `address`, "HOST:PORT". Each datagram is answered to where it came from."""

    def __init__(self, limits: Limits, session: Session, restart, address: str) -> None:  # type: ignore[no-untyped-def]
        super().__init__(session, restart)
        self._limits = limits
        host, _, port = address.rpartition(":")
        self._where = (host, int(port))
        self._socket: socket.socket | None = None
        self._peer: object = None
        now = time.ticks_ms()
        self._tried_ms: int = now  # type: ignore[assignment]
        self._heard_ms: int = time.ticks_add(now, -_BUSY_MS)  # type: ignore[assignment]

    def start(self) -> None:
        """Listen from now on, or as soon as there is a network."""
        self._tried_ms = time.ticks_ms()  # type: ignore[assignment]
        opened = None
        try:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(socket.getaddrinfo(*self._where)[0][-1])
            opened.setblocking(False)
            self._socket = opened
        except OSError:
            if opened:
                opened.close()

    def stop(self) -> None:
        """Close the socket."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def busy(self) -> bool:
        """True for a second after each datagram: more will come, and no event tells."""
        quiet_ms = time.ticks_diff(time.ticks_ms(), self._heard_ms)
        return self._reset_at is not None or self._held is not None or 0 <= quiet_ms < _BUSY_MS

    def reachable(self) -> bool:
        """True when there is a socket."""
        return self._socket is not None

    def poll(self) -> None:
        """Do what is due: answer datagrams, reset. Never waits."""
        if self._socket is None and time.ticks_diff(time.ticks_ms(), self._tried_ms) >= _RETRY_MS:
            self.start()
        heard = False
        for _ in range(_A_POLL):
            if self._go_on():
                heard = True
                break
            packet = self._receive()
            if not packet:
                break
            heard = True
            self._heard_ms = time.ticks_ms()  # type: ignore[assignment]
            if len(packet) > self._limits.size:
                self._limits.dropped += 1
            else:
                self._answer(memoryview(packet), self._peer)
        self._rest(not heard)

    def _receive(self) -> bytes:
        if self._socket is None:
            return b""
        try:
            # A byte more than is taken: a longer datagram is told from one that fits.
            packet, self._peer = self._socket.recvfrom(self._limits.size + 1)
        except OSError:
            return b""
        return packet

    def _send(self, response: bytes | memoryview) -> None:
        try:
            self._socket.sendto(response, self._peer)  # type: ignore[union-attr,arg-type]
        except OSError:
            self._limits.dropped += 1
