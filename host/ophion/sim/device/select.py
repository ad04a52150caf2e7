"""`select` of the simulated chip: a poll that lets the radio run while it waits (asyncio waits here).

As on the chip, a radio callback by itself does not end the wait: it must make something readable
that is being polled (asyncio.ThreadSafeFlag does).
"""

import ophion_sim
import uselect
import utime
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401

_SLICE_MS = 1


def _file(obj):
    """What is polled for `obj`: a machine.UART stands for a file."""
    return getattr(obj, "file", obj)


class _Poll:
    def __init__(self):
        self._poll = uselect.poll()
        self._link = ophion_sim.link()
        self._poll.register(self._link.file, POLLIN)

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        return self._poll.register(_file(obj), eventmask)

    def unregister(self, obj):
        return self._poll.unregister(_file(obj))

    def modify(self, obj, eventmask):
        return self._poll.modify(_file(obj), eventmask)

    def poll(self, timeout=-1, flags=0):
        """As the built-in poll, -1 waits for ever; the link to the hardware is never in the result."""
        end = utime.ticks_add(utime.ticks_ms(), max(timeout, 0))
        while True:
            self._link.pump()
            left = timeout if timeout < 0 else max(utime.ticks_diff(end, utime.ticks_ms()), 0)
            found = self._others(left, flags)
            if found or left == 0:
                return found

    def _others(self, timeout, flags):
        if self._link.busy:  # inside a callback nothing is pumped, so the link must not end the wait
            timeout = 0 if timeout == 0 else _SLICE_MS
            utime.sleep_ms(timeout)
            timeout = 0
        return [tuple(e) for e in self._poll.ipoll(timeout, flags) if e[0] is not self._link.file]

    def ipoll(self, timeout=-1, flags=0):
        return iter(self.poll(timeout, flags))


def poll():
    return _Poll()
