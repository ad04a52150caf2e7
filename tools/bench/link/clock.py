"""An asyncio loop whose clock jumps to whatever comes next: the same run every time, and no waiting."""

import asyncio
import selectors


class Stuck(Exception):
    """Nothing is scheduled and nobody is ready: what is waited for will never come."""


class _Selector(selectors.SelectSelector):
    """Waits for nothing but the loop's own wake-up."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise Stuck("nothing is going to happen any more")
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`now` is its time in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """The virtual time."""
        return self.now


def run(make):
    """What `make()`, a coroutine, returns, and the virtual seconds that it took."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        result = loop.run_until_complete(make())
        return result, loop.now
    finally:
        asyncio.set_event_loop(None)
        loop.close()
