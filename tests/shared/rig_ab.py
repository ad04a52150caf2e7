"""A device with the strategy `ab`: two slots of 9 sectors, 7 of them for an image."""

from ophion_boot.core.ab import AB
from ophion_boot.core.area import Area
from ophion_boot.core.eventlog import EventLog
from rig import Bootable, QuickVerifier
from support import SECTOR, Cells, image, ram_flash, vector_keys

SLOT = 9
A_AT, B_AT = 0, SLOT * SECTOR

# (old, new): equal, smaller, larger, one sector, the whole slot.
PAIRS = ("four", "six"), ("six", "two"), ("one", "full"), ("full", "one"), ("four", "four")


class ABRig(Bootable):
    """Slot A holds the image `a` from the factory, with a blank trailer; slot B nothing."""

    def __init__(self, a=None, trials=1, flash=None, write_size=4):
        self.flash = flash or ram_flash(2 * SLOT, write_size)
        self.trials = trials
        self.cells = Cells()
        if a:
            self.put(A_AT, image(a))
        self.off_and_on()

    def off_and_on(self):
        """Forget everything but the flash, as a reset does."""
        buf = bytearray(SECTOR)
        a, b = (Area(self.flash, at, SLOT * SECTOR, SECTOR, self.flash.write_size) for at in (A_AT, B_AT))
        self.strategy = AB(a, b, buf, self.trials)
        self.verifier = QuickVerifier(vector_keys(), buf)
        self.log = EventLog(self.cells)

    def free_at(self):
        """Where the slot begins that does not run, as the bootloader sees it."""
        return self.strategy.staged()._offset

    def upload(self, name):
        """Put an image into the free slot as an upload does, without asking for it."""
        self.strategy.begin_upload()
        area = self.strategy.staged()
        data = image(name) + b"\xff" * (-len(image(name)) % 32)
        for sector in range(-(-len(data) // SECTOR)):
            area.erase(sector)
        area.program(0, data)

    def stage(self, name, permanent=False):
        """Upload an update and ask for it."""
        self.upload(name)
        self.strategy.set_pending(permanent)

    def holds(self, at, name):
        """True when the slot at byte `at` holds image `name`, byte for byte."""
        return self.bytes_at(at, len(image(name))) == image(name)

    def runs(self, boot, name):
        """True when what boots is image `name`, byte for byte, at the start of a slot."""
        if boot.image is None:
            return False
        assert boot.area._offset in (A_AT, B_AT)
        return self.holds(boot.area._offset, name)

    def reason(self):
        return self.log.read()[-1]["reason"]


def pending(old, new, permanent=False, trials=1, write_size=4):
    """The old image in A from the factory, the new one in B and asked for."""
    rig = ABRig(old, trials, ram_flash(2 * SLOT, write_size))
    rig.stage(new, permanent)
    return rig


def installed(old, new, trials=1):
    rig = pending(old, new, trials=trials)
    boot = rig.boot()
    assert rig.runs(boot, new) and boot.area._offset == B_AT
    return rig


def confirmed(old, new):
    rig = installed(old, new)
    rig.strategy.confirm()
    return rig


def rejected(old, new):
    """The state after a trial that nobody confirmed: A runs again, B is rejected."""
    rig = installed(old, new)
    boot = rig.boot()
    assert rig.runs(boot, old) and boot.area._offset == A_AT
    return rig


def flip(rig, at):
    """Damage one byte of flash."""
    sector = bytearray(rig.bytes_at(at // SECTOR * SECTOR, SECTOR))
    sector[at % SECTOR] ^= 0x10
    rig.put(at // SECTOR * SECTOR, bytes(sector))


def field_at(slot_at, field):
    return slot_at + SLOT * SECTOR - 16 - 8 * field


def forge(rig, at, data):
    """Overwrite bytes of flash, as a torn erase or write may leave them."""
    sector = bytearray(rig.bytes_at(at // SECTOR * SECTOR, SECTOR))
    sector[at % SECTOR : at % SECTOR + len(data)] = data
    rig.put(at // SECTOR * SECTOR, bytes(sector))
