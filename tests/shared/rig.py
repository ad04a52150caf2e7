"""A device without a chip: two slots on a NOR flash in memory, booted as often as a test likes.

The judge looks at flash from outside: it compares bytes and uses none of the bootloader's code.
"""

from nor import PowerCut
from ophion_boot.core.area import Area
from ophion_boot.core.boot import Bootloader
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.swap_offset import SwapOffset
from ophion_boot.core.verify import Verifier
from support import SECTOR, Cells, ram_flash, vector_keys

PRI, SEC = 8, 9


class Rig:
    """Primary slot of 8 sectors at 0, secondary of 9 behind it; `trials` boots for an update."""

    def __init__(self, trials=1, flash=None, write_size=4):
        self.flash = flash or ram_flash(PRI + SEC, write_size)
        self.trials = trials
        self.cells = Cells()
        self.off_and_on()

    def off_and_on(self):
        """Forget everything but the flash, as a reset does."""
        buf = bytearray(SECTOR)
        write = self.flash.write_size
        pri = Area(self.flash, 0, PRI * SECTOR, SECTOR, write)
        sec = Area(self.flash, PRI * SECTOR, SEC * SECTOR, SECTOR, write)
        self.strategy = SwapOffset(pri, sec, buf, self.trials)
        self.verifier = Verifier(vector_keys(), buf)
        self.log = EventLog(self.cells)

    def boot(self):
        """One boot; returns the Boot."""
        self.off_and_on()
        return Bootloader(self.strategy, self.verifier, self.log).run()

    def boot_through_cuts(self):
        """Boot; a power cut on the way is followed by another boot."""
        while True:
            try:
                return self.boot()
            except PowerCut:
                pass

    def put(self, at, data):
        """Write an image into flash as a programmer would, at byte `at`."""
        data = data + b"\xff" * (-len(data) % SECTOR)
        self.flash.writeblocks(at // SECTOR, data)

    def flash_primary(self, data):
        self.put(0, data)

    def stage(self, data, permanent=False):
        """Put an update where an upload puts it, and ask for it."""
        self.put((PRI + 1) * SECTOR, data)
        self.strategy.set_pending(permanent)

    def bytes_at(self, at, length):
        out = bytearray(length)
        self.flash.readblocks(0, out, at)
        return bytes(out)

    def primary_is(self, data):
        return self.bytes_at(0, len(data)) == data

    def swapped_out_is(self, data):
        return self.bytes_at(PRI * SECTOR, len(data)) == data

    def staged_is(self, data):
        return self.bytes_at((PRI + 1) * SECTOR, len(data)) == data

    def events(self):
        return [entry["event"] for entry in self.log.read()]
