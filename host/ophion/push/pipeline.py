"""An upload with several requests on their way at once (SMP image upload, SPEC.md 6.3).

A device takes chunks in order and answers in order, with the offset that it wants next. That answer decides
what is sent: whatever got lost, requests or answers, the device never takes a byte at another place than its
own. A chunk that is lost makes the device answer all that follow with the same offset; the sender goes back
there once, and takes the answers to what was on its way for what they are: old.

The number of requests on their way is halved when something was lost, down to one, and grows again slowly.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from smp.message import ResponseType
from smpclient.exceptions import SMPUploadError
from smpclient.requests.image_management import ImageUploadWrite

ANSWER_TIMEOUT_S = 3.0
"""Longer than a device keeps half a request (2 s): what is sent after it begins anew there."""
SLOW_ANSWER_TIMEOUT_S = 40.0
"""For the first and the last chunk: a device may erase flash or hash the image before it answers."""
OPHION_SLOW_S = 10.0
"""For these of a device that erases as it goes."""
_MADE_BYTES_A_S = 32 * 1024  # at least: decoded, and programmed to erased flash
_NEVER_S = 3600.0  # the client's own clock: the one that counts is here
_SILENCES_MAX = 5
_GROW_AFTER = 32
_UNIT = 32  # the most that a flash programs at once (with encryption): a chunk of whole units does not wait


class Requester(Protocol):
    """What is used of `smpclient.SMPClient`."""

    async def request(self, request: Any, timeout_s: float | None = None) -> Any:
        """Send a request and return its response; several calls may be on their way."""


@dataclass(frozen=True)
class Limits:
    """What a device takes: requests of `packet` bytes, `window` of them at once; they travel in writes of
    `write` bytes (0: each in one piece). The first and the last chunk may take `slow_s` to be answered, the
    others `answer_s`."""

    packet: int
    window: int = 1
    write: int = 0
    slow_s: float = SLOW_ANSWER_TIMEOUT_S
    answer_s: float = ANSWER_TIMEOUT_S

    def making(self, size: int) -> Limits:
        """The same for a patch: any chunk of it may make all of an image of `size` bytes."""
        seconds = self.slow_s + size / _MADE_BYTES_A_S
        return replace(self, slow_s=seconds, answer_s=seconds)

    @classmethod
    def of(
        cls, buf_size: int, buf_count: int, write: int, ours: bool = False, window: int | None = None
    ) -> Limits:
        """For a device with such buffers (SMP, MCUmgr parameters); `window` may lower what they allow.

        One is left for the answer, which Zephyr takes from the same pool; not so if the device is `ours`.
        """
        most = max(1, buf_count - (not ours))
        count = most if window is None else max(1, min(most, window))
        return cls(buf_size, count, write, OPHION_SLOW_S if ours else SLOW_ANSWER_TIMEOUT_S)


@dataclass
class _Chunk:
    """A request on its way: bytes `start` to `end`; `old` when its answer no longer decides anything."""

    start: int
    end: int
    answer: asyncio.Task[Any]
    old: bool = False


class Uploader:
    """Brings `data` to image number `image`; `run` is called once.

    `arrived()` is asked when the device forgot an upload after its last byte was sent: it may be complete.
    `lost` counts what got no answer, `window` is how many requests may be on their way now.
    """

    def __init__(
        self,
        client: Requester,
        data: bytes,
        image: int,
        limits: Limits,
        arrived: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._client = client
        self._data = data
        self._image = image
        self._limits = limits
        self._arrived = arrived
        self._flight: deque[_Chunk] = deque()
        self._next = 0
        self._reached = 0
        self._ended = False
        self._clean = 0
        self.window = max(1, limits.window)
        self.lost = 0

    async def run(self) -> AsyncGenerator[int, None]:
        """Yield the offset that the device wants, after each answer that tells one, until it has everything.

        Raises SMPUploadError (the answer, or a text when the device's hash is another one twice),
        TimeoutError when the device is silent, and what the client raises.
        """
        again = True
        silences = 0
        try:
            while True:
                self._fill()
                answered = await self._answered()
                if answered is None:
                    silences += 1
                    if silences > _SILENCES_MAX:
                        raise TimeoutError
                    continue
                silences = 0
                chunk, response = answered
                if chunk.old:
                    continue
                if response.off == 0 and self._ended and self._arrived and await self._arrived():
                    response = response.model_copy(update={"off": len(self._data)})
                self._follow(chunk, response.off)
                yield response.off
                if response.off == len(self._data):
                    if response.match is not False:
                        return
                    if not again:
                        raise SMPUploadError("the device has another SHA-256 of the upload")
                    # Bytes that belong to different chunks were put together: once more, with care.
                    again = False
                    self.window = 1
                    self._next = self._reached = 0
        finally:
            await self._give_up(len(self._flight))

    def _fill(self) -> None:
        """Send what may be sent. The first chunk travels alone: its answer says where to begin."""
        while len(self._flight) < self.window and self._next < len(self._data):
            if self._flight and (self._next == 0 or self._flight[-1].start == 0):
                return
            request = self._request(self._next)
            end = self._next + len(request.data)
            answer = asyncio.get_running_loop().create_task(self._client.request(request, _NEVER_S))
            self._flight.append(_Chunk(self._next, end, answer))
            self._next = end
            self._ended = self._ended or end == len(self._data)

    async def _answered(self) -> tuple[_Chunk, Any] | None:
        """The oldest request that has an answer; those before it have none any more. None: silence."""
        slow = any(chunk.start == 0 or chunk.end == len(self._data) for chunk in self._flight)
        await asyncio.wait(
            [chunk.answer for chunk in self._flight],
            timeout=self._limits.slow_s if slow else self._limits.answer_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        missing = next((i for i, chunk in enumerate(self._flight) if chunk.answer.done()), None)
        if missing is None:
            self._shrink(len(self._flight))
            await self._give_up(len(self._flight))
            self._next = self._reached
            return None
        if missing:
            self._shrink(missing)
            await self._give_up(missing)
        chunk = self._flight.popleft()
        response = chunk.answer.result()
        if response.RESPONSE_TYPE != ResponseType.SUCCESS:
            raise SMPUploadError(response)
        if response.off is None or response.off > len(self._data):
            raise SMPUploadError(f"an offset of {response.off} in an image of {len(self._data)} bytes")
        return chunk, response

    def _follow(self, chunk: _Chunk, offset: int) -> None:
        """Go where the device is."""
        self._reached = offset
        if offset == chunk.end:
            self._clean += 1
            if self._clean >= _GROW_AFTER and self.window < self._limits.window:
                self._clean = 0
                self.window += 1
            return
        self._next = offset
        for other in self._flight:
            other.old = True

    def _shrink(self, lost: int) -> None:
        self.lost += lost
        self._clean = 0
        self.window = max(1, self.window // 2)

    async def _give_up(self, count: int) -> None:
        """Forget the oldest `count` requests."""
        gone = [self._flight.popleft().answer for _ in range(count)]
        for answer in gone:
            answer.cancel()
        await asyncio.gather(*gone, return_exceptions=True)

    def _request(self, start: int) -> ImageUploadWrite:
        """The largest request for the bytes from `start` on."""
        first: dict[str, Any] = {}
        if start == 0:
            digest = hashlib.sha256(self._data).digest()
            first = {"image": self._image, "len": len(self._data), "sha": digest, "upgrade": False}
        room = self._limits.packet - len(ImageUploadWrite(off=start, data=b"", **first).BYTES)
        size = room - (2 if room > 257 else 1 if room > 24 else 0)  # the length of the bytes (RFC 8949, 3)
        whole = self._limits.packet
        if size < 1:
            raise SMPUploadError(f"no data fits in a request of {whole} bytes")
        if size > _UNIT:
            size -= size % _UNIT
            # With writes that are all of one length a device could not tell that one of them is missing.
            if self._limits.write and not (whole - room + size + 2) % self._limits.write:
                size -= _UNIT
        return ImageUploadWrite(off=start, data=self._data[start : start + size], **first)
