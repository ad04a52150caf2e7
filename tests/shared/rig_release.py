"""A device with two components: an application under a strategy, and a runtime in two app partitions.

ESP-IDF's part (second-stage bootloader, otadata) is the simulator's; the bootloader that runs is always
this tree's, whichever runtime image it is said to lie in.
"""

from esp32 import Partition
from idf import Idf
from idf import Partition as Row
from ophion_boot.core.area import Area
from ophion_boot.core.boot import Bootloader
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.receive import Upload
from ophion_boot.core.runtime import Runtime
from ophion_boot.core.strategies import make
from ophion_boot.fmt.image import Header
from ophion_boot.port.ota import Ota
from rig import Bootable, QuickVerifier
from support import SECTOR, Cells, image, ram_flash, vector_keys

APP_AT = {"primary": (0, 9), "secondary": (9, 9), "scratch": (18, 1), "golden": (19, 6)}
SECONDARY = {"swap_offset": (9, 10)}
OTADATA = 25
OTA = 6
OTA_AT = (27 * SECTOR, (27 + OTA) * SECTOR)
SECTORS = 27 + 2 * OTA
RUNTIMES = ("rt1", "rt2", "rt3", "rd1", "rd3")
APPS = ("one", "two", "four", "six", "needs11", "needs12")
_RESETS_MAX = 8


class Hung(Exception):
    """The device keeps resetting."""


class ReleaseRig(Bootable):
    """`app` lies in the primary slot (and in the golden area), rt1 in ota_0, as from the factory.

    `trials` boots for an update. A runtime in `broken` resets the chip before the bootloader runs.
    """

    def __init__(self, kind="swap_offset", app="one", trials=2, flash=None, write_size=4):
        self.kind = kind
        self.trials = trials
        self.broken = ()
        self.starts = []
        self.idf_start = Idf.start
        self.flash = flash or ram_flash(SECTORS, write_size)
        self.cells = Cells()
        if app:
            self.put(0, image(app))
            self.put(APP_AT["golden"][0] * SECTOR, image(app))
            self.put(OTA_AT[0], payload("rt1"))

    def area(self, name):
        first, count = SECONDARY.get(self.kind, APP_AT[name]) if name == "secondary" else APP_AT[name]
        return Area(self.flash, first * SECTOR, count * SECTOR, SECTOR, self.flash.write_size)

    def power_on(self):
        """ESP-IDF chooses the runtime; makes everything that a reset makes. Returns the runtime's name."""
        rows = [Row("otadata", 1, 0, OTADATA * SECTOR, 2 * SECTOR)]
        rows += [Row("ota_%d" % i, 0, 0x10 + i, OTA_AT[i], OTA * SECTOR) for i in range(2)]
        self.idf = Idf(self.flash, rows)
        self.idf_start(self.idf)
        name = self.runtime_at(self.idf.running.offset)
        self.starts.append(name)
        buf = bytearray(SECTOR)
        version = Header(image(name)).version
        # A class of its own for each chip: `idf` is its state.
        kind = type("Partition", (Partition,), {"idf": self.idf})
        self.strategy = make(self.kind, self.area, buf, self.trials)
        self.runtime = Runtime(Ota(kind, version, self.flash.write_size, SECTOR), self.trials)
        self.verifier = QuickVerifier(vector_keys(), buf)
        self.log = EventLog(self.cells)
        return name

    off_and_on = power_on

    def boot(self, hold=False):
        """Power on, and reset as often as the bootloader or a broken runtime does; returns the Boot."""
        for _ in range(_RESETS_MAX):
            if self.power_on() in self.broken:
                continue
            boot = Bootloader(self.strategy, self.verifier, self.log, self.runtime).run(hold)
            if not boot.restart:
                return boot
        raise Hung(self.starts)

    def upload(self, name, runtime=False):
        """Send an image in chunks, as a client does."""
        target = self.runtime if runtime else self.strategy
        upload = Upload(target, bytearray(SECTOR))
        data = image(name)
        for at in range(0, len(data), 700):
            upload.chunk(at, data[at : at + 700], len(data) if at == 0 else None)

    def ask(self, app=None, runtime=None, permanent=False):
        """Upload an application, a runtime or both, and ask for them."""
        self.power_on()
        if runtime:
            self.upload(runtime, True)
        if app:
            self.upload(app)
        if runtime:
            self.runtime.set_pending(permanent)
        if app:
            self.strategy.set_pending(permanent)

    def confirm(self):
        """What the device does when the application confirms itself (ophion_boot.main.Device.confirm)."""
        self.runtime.confirm()
        self.strategy.confirm()

    def runtime_at(self, at):
        """The name of the runtime whose payload lies at byte `at` of flash."""
        for name in RUNTIMES:
            if self.bytes_at(at, len(payload(name))) == payload(name):
                return name
        raise AssertionError("no known runtime at %#x" % at)

    def runs(self, boot):
        """(application, runtime) that run, by their bytes in flash."""
        at = boot.area._offset
        app = [name for name in APPS if self.bytes_at(at, len(image(name))) == image(name)]
        return app[0], self.runtime_at(self.idf.running.offset)

    def reasons(self):
        return [entry["reason"] for entry in self.log.read()]


def payload(name):
    """The ESP-IDF application image in a runtime image."""
    data = image(name)
    header = Header(data)
    return data[header.hdr_size : header.hdr_size + header.img_size]
