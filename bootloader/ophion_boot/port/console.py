"""SMP over the console: the same UART that has the prompt and what programs print."""

import select
import sys
import time

from ophion_boot.compat import const
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.smp_session import Session
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.console import Reassembly, lines

_RESET_DELAY_MS = const(300)
_LINE_MAX = const(256)
_BYTES_A_POLL = const(4096)
_NEWLINE = const(10)
_LINK = "console"


class ConsoleServer:
    """Serves `session` on standard input and output, as port/ble.py does on a radio.

    `restart(boot_mode)` is called some time after the answer to a reset request has gone out.
    """

    def __init__(self, inbox: Inbox, session: Session, restart) -> None:  # type: ignore[no-untyped-def]
        self._inbox = inbox
        self._session = session
        self._restart = restart
        self._reassembly = Reassembly(inbox.size)
        self._line = bytearray(_LINE_MAX)
        self._used = 0
        self._byte = bytearray(1)
        self._poll = select.poll()
        self._reset_at: int | None = None
        self._reset_mode = 0
        self.connections = 0

    def start(self) -> None:
        """Listen from now on."""
        self._poll.register(sys.stdin, select.POLLIN)

    def stop(self) -> None:
        """Leave the console to the prompt."""
        self._poll.unregister(sys.stdin)

    def connected(self) -> bool:
        """Never: a console does not tell; `connections` counts requests."""
        return False

    def reachable(self) -> bool:
        """Always: a wire is there or not, nobody here can know."""
        return True

    def present(self) -> bool:
        """Always, as `reachable`."""
        return True

    def renew(self) -> None:
        """Nothing: nobody can take the console away and give it back."""

    def request_reset(self, boot_mode: int) -> None:
        """Reset soon, when the answer is out (a client waits for it)."""
        self._reset_mode = boot_mode
        self._reset_at = time.ticks_add(time.ticks_ms(), _RESET_DELAY_MS)  # type: ignore[assignment]

    def busy(self) -> bool:
        """True always: no event tells that there is input."""
        return True

    def poll(self) -> None:
        """Do what is due: read what has come, answer whole requests, reset. Never waits."""
        stdin = sys.stdin.buffer
        for _ in range(_BYTES_A_POLL):
            if not self._poll.poll(0):
                break
            stdin.readinto(self._byte)
            self._take(self._byte[0])
        if self._session.access:
            self._session.access.expire()
        if self._reset_at is not None and time.ticks_diff(time.ticks_ms(), self._reset_at) >= 0:
            self._restart(self._reset_mode)

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
            self._inbox.dropped += 1
            return
        if packet is not None and self._inbox.put(packet):
            self._answer()

    def _answer(self) -> None:
        self.connections += 1
        try:
            response = self._session.handle(self._inbox.take(), _LINK)  # type: ignore[arg-type]
        finally:
            self._inbox.release()
        if response is not None:
            for line in lines(response):
                sys.stdout.buffer.write(line)
