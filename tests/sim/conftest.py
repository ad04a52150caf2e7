"""Rig of the simulator's tests: real MicroPython, a real Bumble radio, real bleak; no mocks."""

import contextlib
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from ophion.sim import Simulator
from ophion.sim.bleak_bumble import backends

PROGRAMS = Path(__file__).parent / "programs"


class Rig:
    """Makes devices in the test's own directory and connects to them."""

    def __init__(self, directory):
        self.directory = directory
        self._count = 0

    async def create(self, main, *, files=None, **options):
        """A device with the program `main` (source text) and the tests' `gatt` helper module."""
        self._count += 1
        frozen = {"gatt.py": (PROGRAMS / "gatt.py").read_bytes(), "main.py": main.encode()}
        frozen.update({name: text.encode() for name, text in (files or {}).items()})
        directory = self.directory / f"device{self._count}"
        return await Simulator.create(directory, files=frozen, **options)

    @contextlib.asynccontextmanager
    async def device(self, main, **options):
        """The same, running; on a failure its console is in the report (pytest shows stdout)."""
        sim = await self.create(main, **options)
        try:
            await sim.start()
            yield sim
        finally:
            await sim.stop()
            print("\n".join(sim.console))

    @staticmethod
    def program(name):
        return (PROGRAMS / name).read_text()

    @staticmethod
    async def find(sim, timeout=3.0, central="127.0.0.1"):
        scanner = backends(sim.transport.replace("127.0.0.1", central))[1]
        return await BleakScanner.find_device_by_address(sim.address, timeout=timeout, backend=scanner)

    @contextlib.asynccontextmanager
    async def client(self, sim, central="127.0.0.1", **options):
        """A connected bleak client; another name of this host is another central radio."""
        found = await self.find(sim, central=central)
        assert found is not None, "the device does not advertise"
        backend = backends(sim.transport.replace("127.0.0.1", central))[0]
        async with BleakClient(found, backend=backend, timeout=5, **options) as client:
            yield client

    @staticmethod
    def characteristic(client, number=0):
        """One of the characteristics of gatt.py's service."""
        service = next(s for s in client.services if s.uuid.startswith("00007a00"))
        return service.characteristics[number]


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)
