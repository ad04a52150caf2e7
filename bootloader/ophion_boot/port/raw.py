"""SMP on a UART of its own, packets without framing (Zephyr, "raw UART transport")."""

import time

from ophion_boot.compat import const
from ophion_boot.core.smp_session import Session
from ophion_boot.fmt.stream import Stream
from ophion_boot.port.console import ConsoleServer
from ophion_boot.port.wire import Limits

_SILENCE_MS = const(2000)


class RawServer(ConsoleServer):
    """Serves `session` on `stream`, a machine.UART that carries nothing else."""

    def __init__(self, limits: Limits, session: Session, restart, stream) -> None:  # type: ignore[no-untyped-def]
        super().__init__(limits, session, restart, stream)
        self._packets = Stream(limits.size)
        self._heard_ms: int = time.ticks_ms()  # type: ignore[assignment]

    def poll(self) -> None:
        """Do what is due: read what has come, answer whole requests, reset. Never waits."""
        super().poll()
        packets = self._packets
        if packets.partial() and time.ticks_diff(time.ticks_ms(), self._heard_ms) > _SILENCE_MS:
            packets.reset()
        self._limits.dropped = packets.dropped

    def _take(self, byte: int) -> None:
        self._heard_ms = time.ticks_ms()  # type: ignore[assignment]
        packet = self._packets.take(byte)
        if packet is not None:
            self._answer(packet)

    def _send(self, response: bytes | memoryview) -> None:
        self._sink.write(response)
