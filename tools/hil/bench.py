"""A board and the images that it gets: all through the public library and command line."""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import shlex
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ophion.cli.app import run as ophion
from ophion.errors import DeviceNotFound, LinkLost, OphionError
from ophion.package import ImageFile, load_image
from ophion.push import Access, Event, Link, PushOptions, push

_PAUSE_S = 0.5


class HilError(OphionError):
    """The board did something else than the scenario expects."""


def expect(condition: object, text: str) -> None:
    """HilError with `text` unless `condition` holds."""
    if not condition:
        raise HilError(text)


def _verb(*words: object) -> None:
    """Run a verb of the command line; HilError with what it said unless it returns 0."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = ophion([str(word) for word in words])
    expect(code == 0, f"ophion {words[0]}: {said.getvalue().strip()}")


@dataclass(frozen=True)
class Images:
    """Makes signed images in `folder`; `sign` is what `ophion sign` gets, the key among it.

    Each is new to the board, whatever it had before: something in it is random.
    """

    folder: Path
    sign: str
    asset_bytes: int = 48 * 1024

    def make(self, version: str, program: str | None = None) -> ImageFile:
        """The scaffold application, or `program` as its main.py, signed. Raises HilError."""
        app = self.folder / f"{len(list(self.folder.iterdir()))}" / "hil"
        app.parent.mkdir()
        _verb("new", "app", app)
        config = app / "ophion.toml"
        config.write_text(config.read_text().replace("1.0.0", version))
        if program is not None:
            (app / "main.py").write_text(program)
        (app / "asset.bin").write_bytes(random.randbytes(self.asset_bytes))
        path = app.parent / f"{version}.bin"
        _verb("build", app)
        _verb("sign", app / "build" / f"hil-{version}.romfs", "--out", path, *shlex.split(self.sign))
        return load_image(path)

    def tampered(self, image: ImageFile) -> ImageFile:
        """The same image with one bit changed in the middle of its payload."""
        data = bytearray(image.image)
        data[len(data) // 2] ^= 1
        path = self.folder / "tampered.bin"
        path.write_bytes(data)
        return load_image(path)


@dataclass
class Board:
    """A device that is named as `ophion.push.Link` takes it; `wait_s` is how long a restart may take."""

    device: str
    images: Images
    access: Access | None = None
    wait_s: float = 120.0
    good: ImageFile | None = field(default=None, init=False)

    @asynccontextmanager
    async def link(self) -> AsyncGenerator[Link, None]:
        """A connection, as soon as the board takes one. Raises DeviceNotFound, LinkLost after `wait_s`."""
        deadline = time.monotonic() + self.wait_s
        while True:
            link = Link(self.device, access=self.access)
            try:
                await link.__aenter__()
                break
            except (DeviceNotFound, LinkLost):
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_PAUSE_S)
        try:
            yield link
        finally:
            await link.close()

    async def push(self, image: ImageFile) -> list[Event]:
        """All events of a push of `image`; what runs afterwards is what the board should keep."""
        options = PushOptions(wait_s=self.wait_s, connect_s=self.wait_s, access=self.access)
        seen = []
        async with aclosing(push(image, self.device, options)) as events:
            async for event in events:
                seen.append(event)
        self.good = image
        return seen

    async def running(self) -> ImageFile:
        """The good image that runs, confirmed: one of ours is brought there if need be."""
        good = self.good
        if good is None or await self._other_than(good):
            good = self.images.make("1.0.0")
            await self.push(good)
        return good

    async def check_runs(self, image: ImageFile) -> None:
        """HilError unless `image` is the application that runs, and stays."""
        other = await self._other_than(image)
        expect(not other, f"{image.version_text} should run and be confirmed, but: {other}")

    async def _other_than(self, image: ImageFile) -> str:
        """What is the case instead of `image` running and staying, "" if nothing."""
        async with self.link() as link:
            states = [state for state in await link.images() if state.active and not state.image]
        if any(state.hash == image.hash and state.confirmed for state in states):
            return ""
        runs = (f"{s.version} {'is confirmed' if s.confirmed else 'is on trial'}" for s in states)
        return ", ".join(runs) or "nothing runs"

    async def last_event(self) -> int:
        """Number of the newest entry of the board's log."""
        async with self.link() as link:
            return max((entry.n for entry in await link.log()), default=0)

    async def events_since(self, number: int) -> list[tuple[str, str]]:
        """(event, version) of what the board logged since then, in order."""
        async with self.link() as link:
            return [(entry.event, entry.version) for entry in await link.log() if entry.n > number]
