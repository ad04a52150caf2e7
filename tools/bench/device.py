"""A device to measure: the real bootloader and verifier on the simulator's NOR flash, with counters."""

import io

from nor import NorFlash
from ophion_boot.core.area import Area
from ophion_boot.core.boot import Bootloader
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.receive import Upload
from ophion_boot.core.strategies import make, strategy_class
from ophion_boot.core.verify import Verifier
from powercut.images import KEYS

SECTOR = 4096


class BenchError(Exception):
    """What was to be measured did not happen; `str(error)` says what did."""


class CountingFlash(NorFlash):
    """A NOR flash that counts its reads too: `reads`, and `read` in bytes."""

    reads = 0
    read = 0

    def readblocks(self, n, buf, off=0):
        self.reads += 1
        self.read += len(buf)
        NorFlash.readblocks(self, n, buf, off)


class _Cells:
    """The event log's cells, in memory: on a chip they are not in the slots' flash."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def load(self, name: str):
        return self._values.get(name)

    def store(self, name: str, data: bytes) -> None:
        self._values[name] = data


class Device:
    """`strategy` by name over `areas` ({name: (offset, size)}, bytes); nothing outlives a boot but flash."""

    def __init__(self, strategy: str, areas: dict, write_size: int = 4, trials: int = 1) -> None:
        self.name = strategy
        self.areas = areas
        self.trials = trials
        size = max(offset + size for offset, size in areas.values())
        self.flash = CountingFlash(io.BytesIO(b"\xff" * size), size, SECTOR, write_size)
        self._log = EventLog(_Cells())

    def strategy(self):
        """The strategy as after a reset."""
        return make(self.name, self._area, bytearray(SECTOR), self.trials)

    def _area(self, name: str) -> Area:
        return Area(self.flash, *self.areas[name], SECTOR, self.flash.write_size)

    def boot(self):
        """One boot; returns the Boot."""
        return Bootloader(self.strategy(), Verifier(KEYS, bytearray(SECTOR)), self._log).run()

    def boot_runs(self, image: bytes) -> None:
        """One boot, which has to run `image`; raises BenchError when it runs anything else."""
        boot = self.boot()
        found = bytearray(len(image))
        if boot.image is not None:
            boot.area.read(0, found)
        if found != image:
            raise BenchError(f"{self.name}: a boot ran something else ({boot.reason or boot.image.version})")

    def put(self, area: str, image: bytes) -> None:
        """Write `image` to the start of an area, as a programmer does in the factory."""
        padded = image + b"\xff" * (-len(image) % SECTOR)
        self.flash.writeblocks(self.areas[area][0] // SECTOR, padded)

    def upload(self, image: bytes) -> None:
        """Send an update in chunks of 1000 bytes, and ask for it on trial."""
        upload = Upload(self.strategy(), bytearray(SECTOR))
        for at in range(0, len(image), 1000):
            upload.chunk(at, image[at : at + 1000], len(image) if at == 0 else None)
        self.strategy().set_pending(False)

    def content(self) -> bytes:
        """All bytes of the flash."""
        return self.flash._file.getvalue()


def smallest_areas(strategy: str, sectors: int, write_size: int = 4) -> tuple[dict, int]:
    """The smallest areas in which `strategy` installs images of `sectors` sectors, and the trailer's sectors.

    {name: (offset, size)} in bytes. The secondary slot has one sector more under `swap_offset` (SPEC.md 2.2),
    the scratch area one sector; the golden area takes one image.
    """
    kind = strategy_class(strategy)
    trailer = 1
    while True:
        slot = sectors + trailer
        sizes = {
            "primary": slot,
            "secondary": slot + (strategy == "swap_offset"),
            "scratch": 1,
            "golden": sectors,
        }
        if kind.room(tuple(sizes[name] for name in kind.areas), SECTOR, write_size) >= sectors * SECTOR:
            break
        trailer += 1
    areas, at = {}, 0
    for name in kind.areas:
        areas[name] = (at, sizes[name] * SECTOR)
        at += sizes[name] * SECTOR
    return areas, trailer
