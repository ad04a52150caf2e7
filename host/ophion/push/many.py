"""The same push to several devices at once; what goes wrong with one is told and stops no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ophion.errors import OphionError, UsageError
from ophion.package.image import ImageFile
from ophion.push.events import Event
from ophion.push.update import PushOptions, push

AT_ONCE = 4
"""How many devices at the same time, unless somebody says otherwise."""


@dataclass(frozen=True)
class Outcome:
    """How it ended with one device, after `seconds`: its last event; `error` is None when it went well."""

    seconds: float
    last: Event | None
    error: OphionError | None = None


async def push_many(
    image: ImageFile | Sequence[ImageFile],
    devices: Sequence[str],
    options: PushOptions | None = None,
    at_once: int = AT_ONCE,
) -> AsyncGenerator[tuple[str, Event | Outcome], None]:
    """Push to `devices`, `at_once` at a time; yield (device, event) as they come, and one Outcome for each.

    Connections on one radio are made one after the other. Closing the iterator ends all pushes.
    Raises UsageError when a device is named twice; what `push` raises is in the Outcome.
    """
    if len(set(devices)) < len(devices):
        raise UsageError("a device is named twice")
    job = _Job(image, options or PushOptions(), at_once)
    tasks = [asyncio.create_task(job.one(device)) for device in devices]
    left = len(tasks)
    try:
        while left:
            device, step = await job.next(tasks)
            left -= isinstance(step, Outcome)
            yield device, step
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Job:
    """What the pushes share."""

    def __init__(self, image: ImageFile | Sequence[ImageFile], options: PushOptions, at_once: int) -> None:
        self._image = image
        self._options = options
        self._turn = asyncio.Semaphore(at_once)
        self._steps: asyncio.Queue[tuple[str, Event | Outcome]] = asyncio.Queue()

    async def one(self, device: str) -> None:
        """Push to one device, as soon as it is its turn."""
        async with self._turn:
            started = time.monotonic()
            last: Event | None = None
            error: OphionError | None = None
            try:
                async with aclosing(push(self._image, device, self._options)) as events:
                    async for event in events:
                        last = event
                        self._steps.put_nowait((device, event))
            except OphionError as failure:
                error = failure
            outcome = Outcome(round(time.monotonic() - started, 3), last, error)
            self._steps.put_nowait((device, outcome))

    async def next(self, tasks: Sequence[asyncio.Task[None]]) -> tuple[str, Event | Outcome]:
        """The next step of any of them; raises what ended a task without an outcome: a mistake of ours."""
        step = asyncio.ensure_future(self._steps.get())
        try:
            while not step.done():
                broken = [task for task in tasks if task.done() and task.exception()]
                if broken:
                    broken[0].result()
                running = [task for task in tasks if not task.done()]
                await asyncio.wait([step, *running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            step.cancel()
        return step.result()
