"""A device with the strategy `golden`: active and download slot of 8 sectors, a factory image behind them."""

from ophion_boot.core.area import Area
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.golden import Golden
from rig import Bootable, QuickSecret, QuickVerifier
from support import SECTOR, Cells, aes, image, ram_flash, vector_keys

PRI, SEC, GOLD = 8, 8, 8
FACTORY_AT = (PRI + SEC) * SECTOR

# (old, new): equal, smaller, larger, one sector, the whole slot; `factory_for` gives a third image.
PAIRS = ("four", "six"), ("six", "two"), ("one", "full"), ("full", "one"), ("four", "four")


class GoldenRig(Bootable):
    """`factory` is the name of the golden image or None; the active slot holds `active`, if any.

    Every write to the factory area fails the test. `keys` are private keys of a device that takes encrypted
    images.
    """

    def __init__(self, active=None, factory="one", trials=1, flash=None, write_size=4, keys=None):
        self.keys = keys
        self.flash = flash or ram_flash(PRI + SEC + GOLD, write_size)
        self.trials = trials
        self.cells = Cells()
        if factory:
            self.put(FACTORY_AT, image(factory))
        if active:
            self.put(0, image(active))
        self.flash.on_op = self._guard
        self.off_and_on()

    @staticmethod
    def _guard(kind, addr, length):
        assert addr + length <= FACTORY_AT, "%s of the factory image at %#x" % (kind, addr)

    def off_and_on(self):
        """Forget everything but the flash, as a reset does."""
        buf = bytearray(SECTOR)
        pri, sec, gold = (
            Area(self.flash, first * SECTOR, count * SECTOR, SECTOR, self.flash.write_size)
            for first, count in ((0, PRI), (PRI, SEC), (PRI + SEC, GOLD))
        )
        secret = QuickSecret(self.keys, aes) if self.keys else None
        self.strategy = Golden(pri, sec, gold, buf, self.trials, None, secret)
        self.verifier = QuickVerifier(vector_keys(), buf, secret)
        self.log = EventLog(self.cells)

    def put_staged(self, data):
        self.put(PRI * SECTOR, data)

    def stage(self, data, permanent=False):
        """Put an update where an upload puts it, and ask for it."""
        self.put_staged(data)
        self.strategy.set_pending(permanent)

    def runs(self, boot, name):
        """True when the active slot holds image `name`, byte for byte, and that is what boots."""
        data = image(name)
        return boot.image is not None and self.bytes_at(0, len(data)) == data

    def staged_is(self, name):
        return self.bytes_at(PRI * SECTOR, len(image(name))) == image(name)

    def reason(self):
        return self.log.read()[-1]["reason"]


def factory_for(*names):
    return next(name for name in ("one", "two", "six") if name not in names)


def pending(old, new, permanent=False, trials=1, write_size=4):
    rig = GoldenRig(old, factory_for(old, new), trials, write_size=write_size)
    rig.stage(image(new), permanent)
    return rig


def installed(old, new, trials=1):
    rig = pending(old, new, trials=trials)
    assert rig.runs(rig.boot(), new)
    return rig


def rejected(old, new):
    """The state after a trial that nobody confirmed: the factory image runs, the update is rejected."""
    rig = installed(old, new)
    assert rig.runs(rig.boot(), factory_for(old, new))
    return rig


def flip(rig, at):
    """Damage one byte of flash."""
    sector = bytearray(rig.bytes_at(at // SECTOR * SECTOR, SECTOR))
    sector[at % SECTOR] ^= 0x10
    rig.put(at // SECTOR * SECTOR, bytes(sector))


def forge(rig, area_end, field, data=b"\xff" * 8):
    """Overwrite one field of the trailer that ends at `area_end`, as a torn erase or write may leave it."""
    at = area_end - 16 - 8 * field
    sector = bytearray(rig.bytes_at(at // SECTOR * SECTOR, SECTOR))
    sector[at % SECTOR : at % SECTOR + 8] = data
    rig.put(at // SECTOR * SECTOR, bytes(sector))
