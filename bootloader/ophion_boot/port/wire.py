"""What every road without a radio has in common: nobody connects, and nothing can take it away."""

import time

from ophion_boot.compat import const
from ophion_boot.core.smp_session import Session

_RESET_DELAY_MS = const(300)


class Limits:
    """What the OS group tells of a road that has no Inbox: `size` bytes of a request, `slots` in flight."""

    def __init__(self, size: int, slots: int) -> None:
        self.size = size
        self.slots = slots
        self.dropped = 0


class Wire:
    """Answers with `session`; a road reads in `poll` and sends in `_send`.

    `restart(boot_mode)` is called some time after the answer to a reset request has gone out. `connections`
    counts requests: there is nothing else that shows a client.
    """

    def __init__(self, session: Session, restart) -> None:  # type: ignore[no-untyped-def]
        self._session = session
        self._restart = restart
        self._reset_at: int | None = None
        self._reset_mode = 0
        self._held: tuple | None = None
        self.connections = 0

    def connected(self) -> bool:
        """Never: nobody tells; `connections` counts requests."""
        return False

    def reachable(self) -> bool:
        """Always: a wire is there or not, nobody here can know."""
        return True

    def present(self) -> bool:
        """Always, as `reachable`."""
        return True

    def rename(self, name: str) -> None:
        """Nothing: a name is a radio's."""

    def renew(self) -> None:
        """Nothing: nobody can take the road away and give it back."""

    def busy(self) -> bool:
        """True always: no event tells that there is input."""
        return True

    def request_reset(self, boot_mode: int) -> None:
        """Reset soon, when the answer is out (a client waits for it)."""
        self._reset_mode = boot_mode
        self._reset_at = time.ticks_add(time.ticks_ms(), _RESET_DELAY_MS)  # type: ignore[assignment]

    def _answer(self, packet: bytes | memoryview, link: object = None) -> None:
        """Answer one whole request of the peer `link`; a wire has only one."""
        self.connections += 1
        self._held = packet, link or self
        self._go_on()

    def _go_on(self) -> bool:
        """Hand the request in that has no answer yet; True while there is one. Nothing is read meanwhile."""
        if self._held:
            response = self._session.handle(*self._held)
            if response != b"":
                self._held = None
            if response:
                self._send(response)
        return self._held is not None

    def _send(self, response: bytes | memoryview) -> None:
        """Send one whole response."""

    def _rest(self, quiet: bool) -> None:
        """The end of a poll: reset, if it is due, or, when nothing has come, work ahead."""
        if self._session.access:
            self._session.access.expire()
        if self._reset_at is not None and time.ticks_diff(time.ticks_ms(), self._reset_at) >= 0:
            self._restart(self._reset_mode)
        if quiet:
            self._session.idle()
