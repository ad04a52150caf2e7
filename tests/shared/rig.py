"""A device without a chip: slots on a NOR flash in memory, booted as often as a test likes.

The judge looks at flash from outside: it compares bytes and uses none of the bootloader's code.
"""

from nor import PowerCut
from ophion_boot.core.area import Area
from ophion_boot.core.boot import Bootloader
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.secret import Secret
from ophion_boot.core.strategies import make
from ophion_boot.core.verify import Verifier, VerifyError
from support import SECTOR, Cells, aes, ram_flash, vector_keys

PRI, SEC = 8, 9
# What SPEC.md 4 says: sectors of the secondary slot, and the sector of it where an update is staged.
# A swapped-out image lies at sector 0 of it under both.
SECONDARY = {"swap_offset": (SEC, 1), "swap_scratch": (PRI, 0)}
SWAPS = ("swap_offset", "swap_scratch")

_verdicts = {}


class Bootable:
    """What every rig does: boot its `strategy` anew, and look at its `flash` from outside."""

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
        """Write an image into flash as a programmer would, at byte `at`, unseen by any `on_op`."""
        watcher, self.flash.on_op = self.flash.on_op, None
        self.flash.writeblocks(at // SECTOR, data + b"\xff" * (-len(data) % SECTOR))
        self.flash.on_op = watcher

    def bytes_at(self, at, length):
        out = bytearray(length)
        self.flash.readblocks(0, out, at)
        return bytes(out)

    def events(self):
        return [entry["event"] for entry in self.log.read()]

    def stays(self, name):
        """Confirm the image `name`, which is on trial: it runs from now on, and nothing is written for it."""
        assert self.strategy.confirm() and not self.strategy.confirm()
        before = self.flash.ops
        for _ in range(2):
            boot = self.boot()
            assert self.runs(boot, name) and boot.trial is None
        assert self.flash.ops == before


class Rig(Bootable):
    """A primary slot of `pri` sectors at 0, the secondary of `sec` behind it, a scratch area behind that.

    `trials` boots for an update. Every area is there under every strategy, used or not. `keys` are the
    private keys of a device that takes encrypted images, `aes` is what it decrypts with.
    """

    def __init__(
        self,
        trials=1,
        flash=None,
        write_size=4,
        kind="swap_offset",
        pri=PRI,
        sec=None,
        scratch=1,
        keys=None,
        aes=aes,
    ):
        self.kind = kind
        self.aes = aes
        self.keys = keys
        self.trials = trials
        sectors, staged = SECONDARY[kind]
        sec = sec or sectors
        self.sectors = {"primary": (0, pri), "secondary": (pri, sec), "scratch": (pri + sec, scratch)}
        self.swapped_out_at = pri * SECTOR
        self.staged_at = (pri + staged) * SECTOR
        self.flash = flash or ram_flash(pri + sec + scratch, write_size)
        self.cells = Cells()
        self.off_and_on()

    def area(self, name):
        """The Area called `name`, as a board gives it."""
        first, count = self.sectors[name]
        return Area(self.flash, first * SECTOR, count * SECTOR, SECTOR, self.flash.write_size)

    def off_and_on(self):
        """Forget everything but the flash, as a reset does."""
        buf = bytearray(SECTOR)
        secret = QuickSecret(self.keys, self.aes) if self.keys else None
        self.strategy = make(self.kind, self.area, buf, self.trials, secret=secret)
        self.verifier = QuickVerifier(vector_keys(), buf, secret)
        self.log = EventLog(self.cells)

    def flash_primary(self, data):
        self.put(0, data)

    def put_staged(self, data):
        """Put an update where an upload puts it."""
        self.put(self.staged_at, data)

    def stage(self, data, permanent=False):
        """Put an update where an upload puts it, and ask for it."""
        self.put_staged(data)
        self.strategy.set_pending(permanent)

    def primary_is(self, data):
        return self.bytes_at(0, len(data)) == data

    def swapped_out_is(self, data):
        return self.bytes_at(self.swapped_out_at, len(data)) == data

    def staged_is(self, data):
        return self.bytes_at(self.staged_at, len(data)) == data


class QuickSecret(Secret):
    """The real Secret, whose answers outlive a reset: a cut test resets a thousand times."""

    opened = {}  # noqa: RUF012

    def content(self, seal):
        known = seal.blob, tuple(self._keys)
        if known not in self.opened or self._aes is not aes:
            self.opened[known] = Secret.content(self, seal)
        return self.opened[known]


class QuickVerifier(Verifier):
    """The real Verifier, asked once for each image: the same bytes get its first answer again.

    Nine tenths of a cut test were Ed25519 over the same few images.
    """

    def verify(self, area, max_size, number=0):
        _, total, _, _, _ = self.read_layout(area, max_size)
        key = self.digest(area, total), area.sealed, self.secret is not None
        if key not in _verdicts:
            try:
                _verdicts[key] = Verifier.verify(self, area, max_size, number)
            except VerifyError as e:
                _verdicts[key] = str(e)
        verdict = _verdicts[key]
        if isinstance(verdict, str):
            raise VerifyError(verdict)
        return verdict


def on_each(kinds):
    """Decorator: the test takes the name of a strategy and runs for each one of `kinds`."""

    def decorate(test):
        def run():
            for kind in kinds:
                try:
                    test(kind)
                except BaseException:
                    print("under", kind)
                    raise

        return run

    return decorate


on_swaps = on_each(SWAPS)
