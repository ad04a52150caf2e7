"""Rig of the end-to-end tests: the real bootloader on real MicroPython, real images, a real radio stack."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from ophion.build import build, new_app
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.keys import generate, open_signer
from ophion.package import load_image
from ophion.push import use_radio
from ophion.sign import Dependency, SignOptions, sign
from ophion.sim import Simulator
from ophion.sim.firmware import runtime_image
from ophion.versions import parse_version
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.smp import pack_request

# Appended, as the shared tests are: helpers of several files.
sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "host")]
NAME = "e2e-device"
SERVICE = "8d53dc1d-1db7-4cd3-868b-8a527460aa84"
CHARACTERISTIC = "da2e7828-fbce-4e01-ae9e-261174997c48"


class Raw:
    """The characteristic itself: bytes written, responses as they come."""

    def __init__(self, client):
        self._client = client
        self._answers = asyncio.Queue()
        self._data = b""

    def heard(self, _, data):
        self._data += bytes(data)
        while len(self._data) >= 8 and len(self._data) >= 8 + int.from_bytes(self._data[2:4], "big"):
            end = 8 + int.from_bytes(self._data[2:4], "big")
            self._answers.put_nowait(self._data[:end])
            self._data = self._data[end:]

    async def write(self, data):
        await self._client.write_gatt_char(CHARACTERISTIC, data, response=False)

    async def answer(self, seconds=5):
        """(sequence number, body) of the next response; TimeoutError when none comes."""
        answer = await asyncio.wait_for(self._answers.get(), seconds)
        return answer[6], decode_map(answer[8:])


class Bench:
    """A key, images by version and program, and simulated devices, all in the test's own directory."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.key = directory / "key.pem"
        self.public = generate(self.key)

    def payload(self, version, program=None, asset=0):
        """(payload, version) of an application: the scaffold, or `program` as its main.py."""
        app = self.directory / f"app-{version}"
        if not app.exists():
            new_app(app, "e2e")
            config = app / "ophion.toml"
            config.write_text(config.read_text().replace("1.0.0", version))
            if program is not None:
                (app / "main.py").write_text(program)
            if asset:
                (app / "asset.bin").write_bytes(bytes(i * 7 & 255 for i in range(asset)))
        built = build(app)
        return built.payload, built.config.version

    def image(self, version, program=None, asset=0, runtime=None):
        """The signed image of that application; `runtime` is the least version of it that it needs."""
        payload, number = self.payload(version, program, asset)
        path = self.directory / f"{version}.bin"
        needs = [Dependency(1, parse_version(runtime))] if runtime else []
        options = SignOptions(dependencies=needs)
        path.write_bytes(sign(payload, number, open_signer(f"file:{self.key}"), options))
        return load_image(path)

    def runtime(self, version, files=None, board="sim-runtime"):
        """The signed runtime image of `board`; `files` are frozen in instead of the product's own."""
        layout = load_layout(board_layout(board))
        number = parse_version(version)
        payload = runtime_image(layout, NAME, [self.public.raw], number, files)
        path = self.directory / f"runtime-{version}.bin"
        path.write_bytes(sign(payload, number, open_signer(f"file:{self.key}")))
        return load_image(path)

    def calm(self, board):
        """The layout of `board`, with nobody asking for the sanity flag."""
        path = self.directory / f"{board}.toml"
        path.write_text(board_layout(board).read_text() + "\n[health]\nperiod_s = 0\n")
        return path

    @contextlib.asynccontextmanager
    async def device(self, image=None, board="sim", **options):
        """A running `board` (name, or path of a layout) with `image` (bytes) in its primary slot.

        bleak's radio is its ether. A board by its name has the watch over its health switched off: tests
        reset devices that have only just started.
        """
        options.setdefault("keys", [self.public.raw])
        sim = await Simulator.create(
            self.directory / "device",
            layout=board if isinstance(board, Path) else self.calm(board),
            name=NAME,
            image=image,
            **options,
        )
        try:
            await sim.start()
            restore = use_radio(f"bumble:{sim.transport}")
            try:
                yield sim
            finally:
                restore()
        finally:
            await sim.stop()
            print("\n".join(sim.console))

    @contextlib.asynccontextmanager
    async def raw(self):
        """A connection to the device as a Raw."""
        found = await BleakScanner.find_device_by_filter(
            lambda _, data: SERVICE in data.service_uuids, timeout=5
        )
        assert found is not None, "the service is not in the advertising data"
        assert found.name == NAME, "the name comes with the scan response"
        async with BleakClient(found) as client:
            link = Raw(client)
            await client.start_notify(CHARACTERISTIC, link.heard)
            yield link

    @staticmethod
    def echo(seq, text):
        """The request for an echo of `text`."""
        return pack_request(1, True, 0, seq, 0, encode({"d": text}))

    def run(self, *words):
        """Run a command of the environment; returns (exit code, output)."""
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def tool(self, module, *words):
        """Run `python -m module words`."""
        return self.run(sys.executable, "-m", module, *words)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)
