"""Pushing an image: upload, try, restart, see the new version run, see it confirmed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field
from typing import Protocol

from smp.image_management import IMG_MGMT_ERR, ImageState

from ophion.errors import (
    DeviceNotFound,
    LinkLost,
    OphionError,
    RefusedError,
    RevertedError,
    UsageError,
)
from ophion.package.image import APP, RUNTIME, ImageFile
from ophion.push.access import Access
from ophion.push.events import (
    Chosen,
    Confirmed,
    Connected,
    Event,
    Marked,
    Patched,
    Reconnecting,
    Resetting,
    Resumed,
    Running,
    Uploaded,
    Uploading,
)
from ophion.push.forms import FULL, Choice, Chooser, Known
from ophion.push.group64 import LogEntry
from ophion.push.link import CONNECT_TIMEOUT_S, Link

_PROGRESS_EVERY_S = 0.1
_GONE_TIMEOUT_S = 10.0
_POLL_S = 0.5
_RETRY_PAUSE_S = 0.5
_SCAN_S = 5.0
_STUCK_MAX = 20
_ENDINGS = ("reverted", "refused")
_NO_PATCH = (IMG_MGMT_ERR.NO_IMAGE, IMG_MGMT_ERR.NO_FREE_MEMORY, IMG_MGMT_ERR.INVALID_IMAGE_HEADER)
"""What a device may have against a patch and not against the image; of both it says it twice."""


@dataclass(frozen=True)
class PushOptions:
    """How patient to be.

    confirm    confirm the new image from here once it runs, instead of waiting until it does so itself
    restart    restart the device, so that it tries the image now; else the push ends when it is asked for
    retries    how often in a row a connection may fail without any progress before the push ends
    wait_s     how long after the reset the new image may take until it runs and is confirmed
    connect_s  how long one try to find and connect to the device may take before the reset
    access     what is shown to the device on each connection, None: nothing
    window     how many requests may be on their way at once; None: what the device has buffers for
    bases      images that the device may run: if it does, it is sent a patch, when that is smaller
    enc_keys   private keys that open encrypted images (`ophion.keys.DeviceKey.entry`), to make patches of
    compress   send the image compressed, if that is the smallest and the device takes it
    explain    tell in which forms the image could be sent, also when there are no bases
    """

    confirm: bool = False
    restart: bool = True
    retries: int = 5
    wait_s: float = 120.0
    connect_s: float = CONNECT_TIMEOUT_S
    access: Access | None = None
    window: int | None = None
    bases: Sequence[ImageFile] = ()
    enc_keys: Sequence[tuple[bytes, int, bytes]] = field(default=(), repr=False)
    compress: bool = True
    explain: bool = False


class Pushed(Protocol):
    """What is asked of an image: its bytes, and by what a device names it."""

    @property
    def image(self) -> bytes: ...

    @property
    def hash(self) -> bytes: ...

    @property
    def version_text(self) -> str: ...

    @property
    def number(self) -> int: ...


async def push(
    image: ImageFile | Sequence[ImageFile], device: str, options: PushOptions | None = None
) -> AsyncGenerator[Event, None]:
    """Bring `image` to `device` (a name or address) and yield what happens; ends when it is confirmed.

    An application and a runtime image together are one release: the device installs and confirms both, or
    takes both back. Nothing is changed on a device that runs and has confirmed this very image. Close the
    iterator (`contextlib.aclosing`) to end early: the connection is closed, the device keeps what it has.
    Raises DeviceNotFound, LinkLost (more often than `retries`), RefusedError with the device's reason,
    RevertedError (it tried the image and went back), UsageError (an image has no hash to name it by, or two
    are of one kind).
    """
    images = [image] if isinstance(image, ImageFile) else list(image)
    if not all(item.hash for item in images):
        raise UsageError("the image carries no SHA-256 to name it by", "sign it with `ophion sign`")
    if not images or len({item.number for item in images}) < len(images):
        raise UsageError("a release is one application, one runtime, or one of each")
    job = Update(images, device, options or PushOptions())
    try:
        async with aclosing(job.run()) as events:
            async for event in events:
                yield event
    finally:
        await job.close()


class Update:
    """One push; owns the connection that stands at the moment."""

    def __init__(self, images: Sequence[Pushed], device: str, options: PushOptions) -> None:
        # The runtime first: alone it changes nothing for an application, the other way round it may.
        self._images = sorted(images, key=lambda image: image.number, reverse=True)
        self._device = device
        self._options = options
        self._link: Link | None = None
        self._best_offset = (0, 0)
        self._sent: set[bytes] = set()
        self._log_mark = 0
        self._seen = False
        self._runs_already = False
        self._chooser = Chooser(Known(options.bases, options.enc_keys), options.compress)

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
        states = await link.images()
        await self._note_log(link)
        wanted = [image for image in self._images if not _is(states, image, "active")]
        if not wanted:
            self._runs_already = True
            for image in self._images:
                yield _running(image, _find(states, image))
            return
        missing = [image for image in wanted if not _is(states, image, "pending")]
        for image in missing:
            # What was sent whole in this push and is still there is not sent again.
            if image.hash in self._sent and _find(states, image) is not None:
                continue
            async with aclosing(self._upload(link, image)) as events:
                async for event in events:
                    yield event
            self._sent.add(image.hash)
        for image in wanted:
            if image in missing:
                await self._mark(link, image)
            yield Marked("test", image.hash.hex(), image.number)

    async def _note_log(self, link: Link) -> None:
        """What the device's log says from now on is about this push."""
        self._log_mark = max((entry.n for entry in await link.log()), default=0)

    async def _mark(self, link: Link, image: Pushed) -> None:
        self._sent.discard(image.hash)  # a refusal means that it has to be sent again
        await link.test(image.hash)

    async def _upload(self, link: Link, image: Pushed) -> AsyncGenerator[Event, None]:
        """Send the smallest form of `image` that the device takes, at last the image itself."""
        told = bool(self._options.bases) or self._options.explain
        while True:
            choice = Choice(FULL, image.image, ())
            if (told or self._options.compress) and isinstance(image, ImageFile):
                choice = await self._chooser.choose(image, await link.patches())
                told = told or choice.form != FULL
                if told:
                    yield _chosen(choice, image)
            try:
                async with aclosing(self._send(link, image, choice)) as events:
                    async for event in events:
                        yield event
                return
            except (LinkLost, DeviceNotFound):
                raise
            except OphionError as error:
                if choice.form == FULL or (isinstance(error, RefusedError) and error.rc not in _NO_PATCH):
                    raise
                self._chooser.refused(choice.form, image.hash, getattr(error, "reason", "") or error.message)

    async def _send(self, link: Link, image: Pushed, choice: Choice) -> AsyncGenerator[Event, None]:
        data = choice.data
        number = image.number
        makes = 0 if choice.form == FULL else len(image.image)
        total = len(data)
        started = last = time.monotonic()
        start: int | None = None
        reached, stuck = -1, 0
        window = self._options.window
        async with aclosing(link.upload(data, number, image.hash, window, makes)) as offsets:
            async for offset in offsets:
                now = time.monotonic()
                stuck = stuck + 1 if offset <= reached else 0
                reached = offset
                if stuck > _STUCK_MAX:
                    raise OphionError(f"{self._device} does not take the upload beyond byte {offset}")
                if start is None:  # the first answer already counts the first request
                    start = offset if offset > link.buf_size else 0
                    if start:
                        yield Resumed(start, total, number)
                self._best_offset = max(self._best_offset, (len(self._sent), offset))
                if now - last >= _PROGRESS_EVERY_S or offset == total:
                    last = now
                    yield _progress(offset, total, (offset - start) / max(now - started, 1e-6), number)
        yield Uploaded(total, total - (start or 0), round(time.monotonic() - started, 3), number)
        if makes:
            for entry in await link.log():
                if entry.event == "patched" and entry.n > self._log_mark:
                    yield Patched(entry.version, entry.reason, number)

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
                    f"{self._device} was not seen running {self._versions()}"
                    f" within {self._options.wait_s:.0f} s ({reason})",
                    "see `ophion device images` and `ophion device logs`",
                )
            attempt += 1
            yield Reconnecting(attempt, reason)
            try:
                link = await self._connect(_SCAN_S)
                yield self._connected(link)
                states = await self._active_or_raise(link)
                if states:
                    for image, state in zip(self._images, states, strict=True):
                        yield _running(image, state)
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
                states = await self._active_or_raise(link)
                if states and all(state.confirmed for state in states):
                    for image in self._images:
                        yield Confirmed(image.version_text, by, image.number)
                    return
                if self._options.confirm and states:
                    await link.confirm()
                    by = "host"
                    continue
                by = "application"
                await asyncio.sleep(_POLL_S)
            except (LinkLost, DeviceNotFound) as error:
                await self.close()
                yield Reconnecting(1, error.message)
                await asyncio.sleep(_RETRY_PAUSE_S)
        raise OphionError(
            f"{self._versions()} runs but was not confirmed within {self._options.wait_s:.0f} s",
            "it goes back by itself; to keep it: `ophion device confirm`, or push with --confirm",
        )

    async def _active_or_raise(self, link: Link) -> list[ImageState]:
        """The states of our images if all run, none if that can still happen; RevertedError if not."""
        states = await link.images()
        found = [_find(states, image) for image in self._images]
        active = [state for state in found if state is not None and state.active]
        if len(active) == len(found):
            return active
        news = [entry for entry in await link.log() if entry.n > self._log_mark]
        endings = [entry for entry in news if entry.event in _ENDINGS]
        if endings:
            crashes = [entry.reason for entry in news if entry.event == "crashed"]
            raise self._ended(endings[-1], crashes[-1] if crashes else "")
        if not all(self._may_run(state) for state in found):
            raise RevertedError(
                f"the device went back: {self._versions()} does not run and gave no reason",
                "see `ophion device logs`",
            )
        return []

    def _may_run(self, state: ImageState | None) -> bool:
        """Whether an image in this state runs, or can still come to."""
        return state is not None and bool(state.active or state.pending)

    def _ended(self, entry: LogEntry, crash: str) -> RevertedError:
        what = "went back to the version before" if entry.event == "reverted" else "refused the image"
        reason = entry.reason or "no reason given"
        if crash:
            reason += f"; the application ended with {crash}"
        return RevertedError(
            f"the device {what} instead of {self._versions()}: {reason}",
            "see `ophion device logs`",
            reason=reason,
        )

    def _versions(self) -> str:
        """What is pushed, in words: 1.1.0, or 1.1.0 with runtime 2.0.0."""
        texts = {image.number: image.version_text for image in self._images}
        if APP not in texts:
            return f"runtime {texts[RUNTIME]}"
        return texts[APP] + (f" with runtime {texts[RUNTIME]}" if RUNTIME in texts else "")

    async def _connect(self, timeout_s: float | None = None) -> Link:
        await self.close()
        options = self._options
        link = Link(self._device, options.connect_s if timeout_s is None else timeout_s, options.access)
        await link.__aenter__()
        self._link = link
        self._seen = True
        return link

    def _connected(self, link: Link) -> Connected:
        return Connected(self._device, link.mtu, link.buf_size)


def _chosen(choice: Choice, image: Pushed) -> Chosen:
    possibilities = [asdict(one) for one in choice.possibilities]
    return Chosen(choice.form, len(choice.data), len(image.image), choice.reason, possibilities, image.number)


def _find(states: Sequence[ImageState], image: Pushed) -> ImageState | None:
    return next((state for state in states if state.hash == image.hash), None)


def _is(states: Sequence[ImageState], image: Pushed, flag: str) -> bool:
    state = _find(states, image)
    return state is not None and bool(getattr(state, flag))


def _running(image: Pushed, state: ImageState | None) -> Running:
    confirmed = state is not None and bool(state.confirmed)
    return Running(image.version_text, image.hash.hex(), confirmed, image.number)


def _progress(offset: int, total: int, rate: float, image: int) -> Uploading:
    eta = round((total - offset) / rate, 1) if rate > 0 else None
    return Uploading(offset, total, round(rate, 1), eta, image)
