"""Responses on their way to those who wait: several requests may be on their way to a device at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_HEADER = 8
_SEQUENCE_AT = 6


class Responses:
    """Puts the bytes of notifications together and hands each response to whoever waits for its number.

    What nobody waits for (the answer to a request that was given up) is thrown away.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._sending = asyncio.Lock()

    def feed(self, data: bytes | bytearray) -> None:
        """Take the next bytes of the stream of responses."""
        self._bytes += data
        while len(self._bytes) >= _HEADER:
            end = _HEADER + int.from_bytes(self._bytes[2:4], "big")
            if len(self._bytes) < end:
                return
            frame = bytes(self._bytes[:end])
            del self._bytes[:end]
            waiting = self._waiting.get(frame[_SEQUENCE_AT])
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)

    def fail(self, error: Exception) -> None:
        """The link is gone: everybody who waits gets `error`."""
        self._bytes.clear()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)

    async def exchange(self, request: bytes, send: Callable[[bytes], Awaitable[None]]) -> bytes:
        """Send `request` and wait for its response; requests go out one after the other, in order."""
        if not self._waiting:
            self._bytes.clear()  # the rest of a response that did not come whole
        number = request[_SEQUENCE_AT]
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with self._sending:
                await send(request)
            return await answer
        finally:
            answer.cancel()
            if answer.done() and not answer.cancelled():
                answer.exception()  # it was sent to nobody else
            if self._waiting.get(number) is answer:
                del self._waiting[number]
