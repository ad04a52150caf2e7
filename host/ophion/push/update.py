"""Pushing an image: upload, try, restart, see the new version run, see it confirmed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

from smp.image_management import ImageState

from ophion.errors import DeviceNotFound, LinkLost, OphionError, RevertedError, UsageError
from ophion.package.image import ImageFile
from ophion.push.events import (
    Confirmed,
    Connected,
    Event,
    Marked,
    Reconnecting,
    Resetting,
    Running,
    Uploaded,
    Uploading,
)
from ophion.push.group64 import LogEntry
from ophion.push.link import CONNECT_TIMEOUT_S, Link

_PROGRESS_EVERY_S = 0.1
_GONE_TIMEOUT_S = 10.0
_POLL_S = 0.5
_RETRY_PAUSE_S = 0.5
_SCAN_S = 5.0
_ENDINGS = ("reverted", "refused")


@dataclass(frozen=True)
class PushOptions:
    """How patient to be.

    confirm    confirm the new image from here once it runs, instead of waiting until it does so itself
    restart    restart the device, so that it tries the image now; else the push ends when it is asked for
    retries    how often in a row a connection may fail without any progress before the push ends
    wait_s     how long after the reset the new image may take until it runs and is confirmed
    connect_s  how long one try to find and connect to the device may take before the reset
    """

    confirm: bool = False
    restart: bool = True
    retries: int = 5
    wait_s: float = 120.0
    connect_s: float = CONNECT_TIMEOUT_S


async def push(
    image: ImageFile, device: str, options: PushOptions | None = None
) -> AsyncGenerator[Event, None]:
    """Bring `image` to `device` (a name or address) and yield what happens; ends when it is confirmed.

    Nothing is changed on a device that runs and has confirmed this very image. Close the iterator
    (`contextlib.aclosing`) to end early: the connection is closed, the device keeps what it has.
    Raises DeviceNotFound, LinkLost (more often than `retries`), RefusedError with the device's reason,
    RevertedError (it tried the image and went back), UsageError (the image has no hash to name it by).
    """
    if not image.hash:
        raise UsageError("the image carries no SHA-256 to name it by", "sign it with `ophion sign`")
    job = _Push(image, device, options or PushOptions())
    try:
        async with aclosing(job.run()) as events:
            async for event in events:
                yield event
    finally:
        await job.close()


class _Push:
    """One push; owns the connection that stands at the moment."""

    def __init__(self, image: ImageFile, device: str, options: PushOptions) -> None:
        self._image = image
        self._device = device
        self._options = options
        self._link: Link | None = None
        self._best_offset = 0
        self._log_mark = 0
        self._seen = False
        self._runs_already = False

    async def close(self) -> None:
        """End the connection, if there is one."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def run(self) -> AsyncGenerator[Event, None]:
        """All steps in order."""
        steps = [self._install]
        if self._options.restart:
            steps += [self._restart, self._wait_until_running, self._settle]
        for step in steps:
            async with aclosing(step()) as events:
                async for event in events:
                    yield event

    async def _install(self) -> AsyncGenerator[Event, None]:
        """Upload and mark, however often the link breaks; the last event is Marked, or Running."""
        failures = 0
        while True:
            progress = self._best_offset
            try:
                async with aclosing(self._install_once()) as events:
                    async for event in events:
                        yield event
                return
            except (LinkLost, DeviceNotFound) as error:
                if not self._seen:
                    raise
                failures = 0 if self._best_offset > progress else failures + 1
                if failures > self._options.retries:
                    raise LinkLost(
                        f"{error.message}; given up after {failures} tries",
                        "move closer and push again: the upload goes on where it stopped",
                    ) from None
                await self.close()
                yield Reconnecting(failures + 1, error.message)
                await asyncio.sleep(_RETRY_PAUSE_S)

    async def _install_once(self) -> AsyncGenerator[Event, None]:
        link = await self._connect()
        yield self._connected(link)
        state = self._find(await link.images())
        self._log_mark = _last_number(await link.log())
        if state is not None and state.active:
            self._runs_already = True
            yield self._running(state)
            return
        if state is None or not state.pending:
            async with aclosing(self._upload(link)) as events:
                async for event in events:
                    yield event
            await link.test(self._image.hash)
        yield Marked("test", self._image.hash.hex())

    async def _upload(self, link: Link) -> AsyncGenerator[Event, None]:
        data = self._image.image
        total = len(data)
        started = last = time.monotonic()
        start: int | None = None
        async with aclosing(link.upload(data)) as offsets:
            async for offset in offsets:
                now = time.monotonic()
                if start is None:  # the first answer already counts the first request
                    start = offset if offset > link.buf_size else 0
                self._best_offset = max(self._best_offset, offset)
                if now - last >= _PROGRESS_EVERY_S or offset == total:
                    last = now
                    yield _progress(offset, total, (offset - start) / max(now - started, 1e-6))
        yield Uploaded(total, total - (start or 0), round(time.monotonic() - started, 3))

    async def _restart(self) -> AsyncGenerator[Event, None]:
        if self._runs_already:
            return
        yield Resetting()
        await self._ask_to_restart()

    async def _ask_to_restart(self) -> None:
        """Reset the device. The answer may be lost with the link; what counts is what runs afterwards."""
        if self._link is not None:
            with suppress(LinkLost):
                await self._link.reset()
                await self._link.wait_gone(_GONE_TIMEOUT_S)
        await self.close()

    async def _wait_until_running(self) -> AsyncGenerator[Event, None]:
        """Reconnect until the new image runs, or the device says that it does not want it."""
        if self._runs_already:
            return
        deadline = time.monotonic() + self._options.wait_s
        attempt = 0
        reason = "the device restarts"
        while True:
            if time.monotonic() > deadline:
                raise LinkLost(
                    f"{self._device} was not seen running {self._image.version_text}"
                    f" within {self._options.wait_s:.0f} s ({reason})",
                    "see `ophion device images` and `ophion device log`",
                )
            attempt += 1
            yield Reconnecting(attempt, reason)
            try:
                link = await self._connect(_SCAN_S)
                yield self._connected(link)
                state = await self._active_or_raise(link)
                if state is not None:
                    yield self._running(state)
                    return
                reason = "the device had not restarted yet"
                await self._ask_to_restart()
            except (LinkLost, DeviceNotFound) as error:
                reason = error.message
            await self.close()
            await asyncio.sleep(_RETRY_PAUSE_S)

    async def _settle(self) -> AsyncGenerator[Event, None]:
        """Confirm from here, or wait until the application does."""
        deadline = time.monotonic() + self._options.wait_s
        by = "before" if self._runs_already else "application"
        while time.monotonic() < deadline:
            try:
                link = self._link or await self._connect(_SCAN_S)
                state = await self._active_or_raise(link)
                if state is not None and state.confirmed:
                    yield Confirmed(self._image.version_text, by)
                    return
                if self._options.confirm and state is not None:
                    await link.confirm(self._image.hash)
                    by = "host"
                    continue
                by = "application"
                await asyncio.sleep(_POLL_S)
            except (LinkLost, DeviceNotFound) as error:
                await self.close()
                yield Reconnecting(1, error.message)
                await asyncio.sleep(_RETRY_PAUSE_S)
        raise OphionError(
            f"{self._image.version_text} runs but was not confirmed within {self._options.wait_s:.0f} s",
            "it goes back by itself; to keep it: `ophion device confirm`, or push with --confirm",
        )

    async def _active_or_raise(self, link: Link) -> ImageState | None:
        """The state of our image if it runs, None if that can still happen; raises RevertedError if not."""
        state = self._find(await link.images())
        if state is not None and state.active:
            return state
        news = [entry for entry in await link.log() if entry.n > self._log_mark]
        endings = [entry for entry in news if entry.event in _ENDINGS]
        if endings:
            crashes = [entry.reason for entry in news if entry.event == "crashed"]
            raise self._ended(endings[-1], crashes[-1] if crashes else "")
        if state is None or not state.pending:
            raise RevertedError(
                f"the device went back: {self._image.version_text} does not run and gave no reason",
                "see `ophion device log`",
            )
        return None

    def _ended(self, entry: LogEntry, crash: str) -> RevertedError:
        what = "went back to the version before" if entry.event == "reverted" else "refused the image"
        reason = entry.reason or "no reason given"
        if crash:
            reason += f"; the application ended with {crash}"
        return RevertedError(
            f"the device {what} instead of {self._image.version_text}: {reason}",
            "see `ophion device log`",
            reason=reason,
        )

    async def _connect(self, timeout_s: float | None = None) -> Link:
        await self.close()
        link = Link(self._device, self._options.connect_s if timeout_s is None else timeout_s)
        await link.__aenter__()
        self._link = link
        self._seen = True
        return link

    def _find(self, images: list[ImageState]) -> ImageState | None:
        return next((item for item in images if item.hash == self._image.hash), None)

    def _connected(self, link: Link) -> Connected:
        return Connected(self._device, link.mtu, link.buf_size)

    def _running(self, state: ImageState) -> Running:
        return Running(self._image.version_text, self._image.hash.hex(), bool(state.confirmed))


def _progress(offset: int, total: int, rate: float) -> Uploading:
    eta = round((total - offset) / rate, 1) if rate > 0 else None
    return Uploading(offset, total, round(rate, 1), eta)


def _last_number(log: list[LogEntry]) -> int:
    return max((entry.n for entry in log), default=0)
