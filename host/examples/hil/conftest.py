"""A pytest fixture for tests on a device: flash it, update it, expect what it prints.

The device here is a simulated one, so that this runs anywhere. For a board on the desk write the same three
methods: `flash` with the command that puts the firmware on your board, `expect` with the lines of its serial
port; `update` stays as it is, with the name of the board for `self.name`.
"""

import asyncio
import threading
from contextlib import aclosing

import pytest
from ophion.build import build, new_app
from ophion.build.boards import board_layout
from ophion.keys import generate, open_signer
from ophion.package import parse_image
from ophion.push import Link, PushOptions, push
from ophion.sign import sign
from ophion.sim import Simulator


class Board:
    """A device under test. The methods return when it is done, or raise what went wrong (ophion.errors)."""

    def __init__(self, folder, keys):
        self.name = f"sim:{folder}"
        self._folder = folder
        self._keys = keys
        self._device = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def flash(self, image):
        """A new device with `image` (a signed ImageFile) as what it was delivered with; it runs then."""
        self._run(self._flash(image))

    def update(self, image, **options):
        """Push `image` and return the events up to its confirmation; `options` are those of PushOptions."""
        return self._run(self._update(image, PushOptions(**options)))

    def expect(self, text, timeout_s=20.0):
        """Wait for a line with `text` on the console, after the last one that was waited for; return it."""
        return self._run(self._device.wait_console(text, timeout_s))

    def log(self):
        """What the device tells of its updates: (event, version) in order."""
        return self._run(self._log())

    def close(self):
        """Switch it off."""
        if self._device is not None:
            self._run(self._device.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _flash(self, image):
        self._device = await Simulator.create(
            self._folder, layout=board_layout("sim"), image=image.image, keys=self._keys
        )
        await self._device.start()

    async def _update(self, image, options):
        async with aclosing(push(image, self.name, options)) as events:
            return [event async for event in events]

    async def _log(self):
        async with Link(self.name) as link:
            return [(entry.event, entry.version) for entry in await link.log()]

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class Maker:
    """Builds and signs versions of an application with a key of its own."""

    def __init__(self, folder):
        self._folder = folder
        self._key = folder / "key.pem"
        self.public = generate(self._key)

    def image(self, version, program=None):
        """The signed image of `version`: the application that `ophion new app` makes, or `program`."""
        app = self._folder / f"app-{version}"
        new_app(app, "hil")
        config = app / "ophion.toml"
        config.write_text(config.read_text().replace("1.0.0", version))
        if program is not None:
            (app / "main.py").write_text(program)
        built = build(app)
        return parse_image(sign(built.payload, built.config.version, open_signer(str(self._key))))


@pytest.fixture
def maker(tmp_path):
    """Makes images."""
    return Maker(tmp_path)


@pytest.fixture
def board(tmp_path, maker):
    """A board that trusts the maker's key, switched off at the end."""
    board = Board(tmp_path / "board", [maker.public.mcuboot])
    yield board
    board.close()
