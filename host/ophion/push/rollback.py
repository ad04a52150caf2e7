"""Going back: the image that a device had before runs again, without sending it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from smp.image_management import ImageState

from ophion.errors import RefusedError
from ophion.package.image import APP
from ophion.push.events import Event, Marked
from ophion.push.link import Link
from ophion.push.update import PushOptions, Update

_ONE_WAY = ("swap_offset",)
"""Strategies where a swapped-out image does not lie where an update does (SPEC.md 4.2)."""


@dataclass(frozen=True)
class Kept:
    """An image that is on the device; what a push asks of an image but for its bytes."""

    version_text: str
    hash: bytes
    number: int = APP
    image: bytes = b""


async def roll_back(device: str, options: PushOptions | None = None) -> AsyncGenerator[Event, None]:
    """Have `device` run the application in its other slot, and yield what happens.

    One on trial is restarted until its trial is over. A confirmed one is exchanged as an update is: the
    device verifies the other one and tries it, it is confirmed by itself or from here (`options.confirm`).
    Raises RefusedError: no other application there, or the device does not want it (an old security counter,
    a strategy that keeps the way back for a trial only); and what `push` raises.
    """
    job = _Rollback(device, options or PushOptions())
    try:
        async with aclosing(job.run()) as events:
            async for event in events:
                yield event
    finally:
        await job.close()


class _Rollback(Update):
    """A push of what is there already."""

    def __init__(self, device: str, options: PushOptions) -> None:
        super().__init__((), device, options)
        self._ends_trial = False

    async def _install_once(self) -> AsyncGenerator[Event, None]:
        link = await self._connect()
        yield self._connected(link)
        states = [state for state in await link.images() if (state.image or APP) == APP]
        await self._note_log(link)
        running = next((state for state in states if state.active), None)
        other = next((state for state in states if _is_other(state, running)), None)
        if running is None or other is None or other.hash is None:
            raise RefusedError(
                f"{self._device} holds no other application to go back to",
                "push the version that you want: `ophion push IMAGE`",
            )
        kept = Kept(other.version, bytes(other.hash))
        self._images = [kept]
        self._ends_trial = not running.confirmed
        if self._ends_trial:
            return
        await self._exchange(link, kept)
        yield Marked("test", kept.hash.hex(), kept.number)

    async def _exchange(self, link: Link, kept: Kept) -> None:
        try:
            strategy = (await link.info()).strategy
        except RefusedError:  # not one of ours
            strategy = ""
        if strategy in _ONE_WAY:
            raise RefusedError(
                f"{self._device} keeps {kept.version_text} for the time of a trial only, and that is over",
                f"push it: `ophion push` with the image of {kept.version_text}",
            )
        await link.test(kept.hash)

    def _may_run(self, state: ImageState | None) -> bool:
        """The way back of a trial is not pending but confirmed."""
        way_back = self._ends_trial and state is not None and bool(state.confirmed)
        return way_back or super()._may_run(state)


def _is_other(state: ImageState, running: ImageState | None) -> bool:
    return not state.active and running is not None and bool(state.hash) and state.hash != running.hash
