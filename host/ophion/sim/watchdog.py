"""The hardware watchdog: runs outside the processor, cannot be stopped by it, only fed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Watchdog:
    """Calls `bite` when it was armed and not fed for its timeout (seconds)."""

    def __init__(self, bite: Callable[[], None]) -> None:
        self._bite = bite
        self._timeout = 0.0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def arm(self, timeout: float) -> None:
        self.disarm()
        self._timeout = timeout
        self.feed()
        self._wait()

    def feed(self) -> None:
        self._deadline = asyncio.get_running_loop().time() + self._timeout

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_at(self._deadline, self._check)

    def _check(self) -> None:
        # A feed may lie unread in the socket when this process was held up: let the loop read first.
        asyncio.get_running_loop().call_soon(self._decide, self._timer)

    def _decide(self, timer: asyncio.TimerHandle | None) -> None:
        if timer is not self._timer:
            return
        if asyncio.get_running_loop().time() < self._deadline:
            self._wait()
        else:
            self._timer = None
            self._bite()
