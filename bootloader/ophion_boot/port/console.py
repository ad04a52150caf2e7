"""SMP over a console: the same UART that has the prompt and what programs print."""

import select
import sys

from ophion_boot.compat import const
from ophion_boot.core.smp_session import Session
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.console import Reassembly, lines
from ophion_boot.port.wire import Wire

_LINE_MAX = const(256)
_BYTES_A_POLL = const(4096)
_NEWLINE = const(10)
_LINK = "console"


class ConsoleServer(Wire):
    """Serves `session` on standard input and output, as port/ble.py does on a radio, or on `stream` (a
    machine.UART). `limits` (Limits, or an Inbox) has the most bytes of a request, and counts what is dropped.
    """

    def __init__(self, limits, session: Session, restart, stream=None) -> None:  # type: ignore[no-untyped-def]
        super().__init__(session, restart)
        self._limits = limits
        self._in = stream or sys.stdin
        self._source = stream or sys.stdin.buffer
        self._sink = stream or sys.stdout.buffer
        self._reassembly = Reassembly(limits.size)
        self._line = bytearray(_LINE_MAX)
        self._used = 0
        self._byte = bytearray(1)
        self._poll = select.poll()

    def start(self) -> None:
        """Listen from now on."""
        self._poll.register(self._in, select.POLLIN)

    def stop(self) -> None:
        """Leave the console to the prompt."""
        self._poll.unregister(self._in)

    def poll(self) -> None:
        """Do what is due: read what has come, answer whole requests, reset. Never waits."""
        count = 1 if self._go_on() else 0
        while not self._held and count < _BYTES_A_POLL and self._poll.poll(0):
            self._source.readinto(self._byte)
            self._take(self._byte[0])
            count += 1
        self._rest(count == 0)

    def _take(self, byte: int) -> None:
        if byte != _NEWLINE:
            # A line that is too long loses its end: its CRC, or its length, is wrong then.
            if self._used < _LINE_MAX:
                self._line[self._used] = byte
                self._used += 1
            return
        line = self._line[: self._used]
        self._used = 0
        try:
            packet = self._reassembly.line(line)
        except FormatError:
            self._limits.dropped += 1
            return
        if packet is not None:
            self._answer(packet)

    def _send(self, response: bytes | memoryview) -> None:
        for line in lines(response):
            self._sink.write(line)
