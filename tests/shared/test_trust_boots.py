"""Trust and whole boots: trials, confirmations cut off by a power cut, and what is left to repair with."""

from nor import SHAPES, PowerCut
from ophion_boot.core.area import Area
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.trust import Trust
from ophion_boot.core.trust_rules import Device
from ophion_boot.core.verify import Verifier
from ophion_boot.port.flash_cells import FlashCells
from rig import Rig
from rig_golden import FACTORY_AT, GOLD, PRI, SEC, GoldenRig
from support import SECTOR, raises, ram_flash
from test_bad_vectors import RUNTIME, content, frozen_roots

SECTORS = 22
OLD, OTHER = "good-counter-7.bin", "good-counter-8-signing-2.bin"


class Chained(Rig):
    """A Rig that trusts the roots of the vectors, its cells on the same flash behind the slots."""

    def __init__(self, trials=2, flash=None):
        Rig.__init__(self, trials, flash or ram_flash(SECTORS))

    def off_and_on(self):
        Rig.off_and_on(self)
        self.cells = FlashCells(Area(self.flash, 20 * SECTOR, 2 * SECTOR))
        self.log = EventLog(self.cells)
        trust = Trust([], frozen_roots(), self.cells, Device("sim", RUNTIME))
        self.verifier = Verifier(trust, bytearray(SECTOR))

    def counter(self):
        return self.verifier.trust.state()["images"][0]["counter"]

    def installed(self):
        """A device on which OTHER runs on trial instead of OLD."""
        self.flash_primary(content(OLD))
        assert self.boot().image.claims.counter == 7 and self.counter() == 7
        self.stage(content(OTHER))
        boot = self.boot()
        assert boot.image.claims.counter == 8 and boot.trial and self.counter() == 7
        return boot

    def confirm(self, image):
        """What `Device.confirm` does."""
        self.strategy.confirm()
        self.verifier.confirmed(image)


def test_a_trial_that_is_not_confirmed_goes_back_to_the_old_key():
    rig = Chained()
    rig.installed()
    counters = [rig.boot().image.claims.counter for _ in range(3)]
    assert counters == [8, 7, 7] and rig.counter() == 7
    assert "reverted" in rig.events()


def test_a_trial_that_fails_goes_back_to_an_image_whose_key_was_rotated_or_revoked_meanwhile():
    for name in ("good-signing-2.chain", "good-revoke-signing.chain"):
        rig = Chained(1)
        rig.flash_primary(content(OLD))
        rig.boot()
        rig.verifier.trust.deliver(content(name))
        rig.stage(content(OTHER))
        assert rig.boot().image.claims.counter == 8, name
        assert rig.boot().image.claims.counter == 7, name
        assert rig.events()[-1] == "reverted" and rig.counter() == 7, name


def test_power_cuts_while_an_update_is_confirmed_leave_an_image_that_runs():
    start = Chained(1)
    start.installed()
    before = start.bytes_at(0, SECTORS * SECTOR)
    endings = set()
    for op in (1, 2):
        for shape in SHAPES:
            rig = Chained(1, ram_flash(SECTORS, content=before))
            image = rig.verifier.verify(rig.strategy.active(), SECTOR)
            rig.flash.arm_cut(op, shape, seed=op)
            raises(PowerCut, rig.confirm, image)
            rig.flash.disarm()
            boot = rig.boot()
            assert boot.image is not None and not boot.trial, (op, shape)
            # Whatever runs now is confirmed, and nothing older than it is asked for or let in.
            assert rig.counter() == boot.image.claims.counter, (op, shape)
            endings.add(rig.counter())
    assert endings == {7, 8}


def test_an_image_whose_key_is_stopped_makes_room_for_another_or_for_recovery():
    rig = Chained()
    rig.flash_primary(content(OLD))
    rig.boot()
    rig.verifier.trust.deliver(content("good-revoke-signing.chain"))
    assert rig.boot().image.claims.counter == 7, "a revocation alone lets it run on"
    rig.verifier.trust.deliver(content("good-stop-signing.chain"))
    boot = rig.boot()
    assert boot.image is None and "is revoked, running images included" in boot.reason
    rig.put_staged(content(OTHER))
    boot = rig.boot()
    assert boot.image.claims.counter == 8 and rig.events()[-1] == "repaired"


def test_a_pending_update_with_a_key_that_was_rotated_meanwhile_is_refused():
    rig = Chained()
    rig.flash_primary(content(OLD))
    rig.boot()
    rig.stage(content("good-counter-8.bin"))
    rig.verifier.trust.deliver(content("good-signing-2.chain"))
    assert rig.boot().image.claims.counter == 7
    last = rig.log.read()[-1]
    assert last["event"] == "refused" and "superseded by 2" in last["reason"]


class ChainedGolden(GoldenRig):
    """The same with the strategy `golden`."""

    def off_and_on(self):
        GoldenRig.off_and_on(self)
        trust = Trust([], frozen_roots(), self.cells, Device("sim", RUNTIME))
        self.verifier = Verifier(trust, bytearray(SECTOR))


def test_a_golden_image_below_the_floor_is_no_way_back():
    flash = ram_flash(PRI + SEC + GOLD)
    rig = ChainedGolden(None, None, 1, flash)
    for at in (0, FACTORY_AT):
        rig.put(at, content(OLD))
    assert rig.boot().image.claims.counter == 7
    rig.put(0, b"\0" * 64)
    assert rig.boot().image.claims.counter == 7, "at the same floor it is"
    assert rig.events()[-1] == "repaired"
    rig.stage(content(OTHER), True)
    assert rig.boot().image.claims.counter == 8
    rig.put(0, b"\0" * 64)
    rig.put(PRI * SECTOR, b"\0" * 64)
    boot = rig.boot()
    assert boot.image is None and boot.reason


def test_after_the_confirmation_the_old_image_is_no_spare():
    rig = Chained()
    rig.confirm(rig.installed().image)
    assert rig.swapped_out_is(content(OLD)) and rig.counter() == 8
    rig.put(0, b"\0" * 64)
    assert rig.boot().image.claims.counter == 8, "a copy was left where it was staged"
    assert "repaired" in rig.events()
    rig.put(0, b"\0" * 64)
    rig.put(rig.staged_at, b"\0" * 64)
    rig.put(rig.swapped_out_at, content(OLD))
    boot = rig.boot()
    assert boot.image is None and "header magic" in boot.reason
