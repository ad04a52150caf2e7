"""ab: two slots mounted where they lie, and an update is a change of pointer."""

from ophion_boot.core.ab import AB
from ophion_boot.core.area import Area
from ophion_boot.core.strategy import StrategyError
from ophion_boot.fmt.trailer import COPY_DONE, IMAGE_OK
from rig_ab import (
    A_AT,
    B_AT,
    PAIRS,
    SLOT,
    ABRig,
    confirmed,
    field_at,
    flip,
    forge,
    installed,
    pending,
    rejected,
)
from support import SECTOR, image, raises, ram_flash
from test_smp_server import Server, err

REJECTED = 6
RECORD_SECTOR, FLAG_SECTOR = SLOT - 2, SLOT - 1


def test_an_image_alone_boots_and_nothing_is_written():
    rig = ABRig("four")
    before = rig.flash.ops
    boot = rig.boot()
    assert rig.runs(boot, "four") and boot.trial is None
    assert rig.flash.ops == before
    # In slot B alone it runs too: A is marked, once.
    rig = ABRig()
    rig.put(B_AT, image("four"))
    assert rig.runs(rig.boot(), "four")
    before = rig.flash.ops
    assert rig.runs(rig.boot(), "four") and rig.flash.ops == before


def test_an_update_is_tried_and_confirmed():
    for old, new in PAIRS:
        rig = installed(old, new)
        assert rig.holds(A_AT, old), "the old image was not touched"
        rig.stays(new)
        assert rig.events() == ["installed"]


def test_an_update_that_is_not_confirmed_goes_back():
    for old, new in PAIRS:
        rig = installed(old, new)
        boot = rig.boot()
        assert rig.runs(boot, old) and boot.area._offset == A_AT and boot.trial is None
        assert rig.holds(B_AT, new), "the rejected image is still there"
        assert rig.events() == ["installed", "reverted"]
        before = rig.flash.ops
        assert rig.boot().area._offset == A_AT, "tried only once"
        assert rig.flash.ops == before


def test_updates_take_turns():
    rig = ABRig("four")
    rig.boot()
    for round_, name in enumerate(("six", "two", "one", "full", "four")):
        rig.stage(name)
        boot = rig.boot()
        assert rig.runs(boot, name) and boot.area._offset == (A_AT if round_ % 2 else B_AT)
        rig.strategy.confirm()
    numbers = sorted((rig.strategy._journal.read()[1], rig.strategy._note.read()[1]))
    assert numbers == [5, 6], "the factory's image got number 1"


def test_an_update_has_as_many_boots_as_the_layout_says():
    rig = installed("four", "six", trials=3)
    assert rig.boot().trial == (2, 3)
    boot = rig.boot()
    assert boot.trial == (3, 3) and rig.runs(boot, "six")
    boot = rig.boot()
    assert boot.trial is None and rig.runs(boot, "four")


def test_a_permanent_update_stays():
    for old, new in PAIRS:
        rig = pending(old, new, permanent=True)
        for _ in range(2):
            boot = rig.boot()
            assert boot.trial is None and boot.area._offset == B_AT and rig.runs(boot, new)
        assert rig.events() == ["installed"]


def test_nothing_is_erased_at_boot():
    for action in (lambda rig: None, lambda rig: rig.strategy.confirm()):
        rig = pending("four", "full")
        erases, ops = rig.flash.erases, rig.flash.ops
        rig.boot()
        assert rig.flash.ops - ops == 2, "copy_done and the mark of the trial"
        action(rig)
        rig.boot()
        assert rig.flash.erases == erases and rig.flash.ops - ops == 3, "a rejection or a confirmation"


def test_a_bad_update_is_refused_and_forgotten():
    rig = pending("four", "six")
    flip(rig, B_AT + 5000)
    assert rig.runs(rig.boot(), "four")
    assert rig.events() == ["refused"] and "SHA-256" in rig.reason()
    before = rig.flash.ops
    assert rig.runs(rig.boot(), "four")
    assert rig.flash.ops == before, "nothing is left to do"


def test_an_upload_that_nobody_asked_for_does_not_run():
    for start in (lambda: ABRig("four"), lambda: confirmed("two", "four"), lambda: rejected("four", "six")):
        rig = start()
        assert rig.runs(rig.boot(), "four")
        rig.upload("one")
        assert rig.runs(rig.boot(), "four")
    # Also where the image that runs came without a record, in slot B.
    rig = ABRig()
    rig.put(B_AT, image("four"))
    rig.boot()
    rig.upload("one")
    assert rig.holds(A_AT, "one")
    assert rig.runs(rig.boot(), "four")
    rig.strategy.set_pending(False)
    assert rig.runs(rig.boot(), "one")
    assert rig.runs(rig.boot(), "four")


def test_a_damaged_running_image_is_replaced_by_the_other_one():
    rig = confirmed("four", "six")
    flip(rig, B_AT + 5000)
    boot = rig.boot()
    assert rig.runs(boot, "four") and boot.trial is None
    assert rig.events() == ["installed", "repaired"] and "SHA-256" in rig.reason()
    before = rig.flash.ops
    assert rig.runs(rig.boot(), "four")
    assert rig.flash.ops == before and len(rig.events()) == 2, "once is enough"
    rig.stage("two")
    assert rig.runs(rig.boot(), "two"), "and the next update goes where the damage was"
    # A whole slot lost, its trailer too.
    rig = confirmed("four", "six")
    rig.put(B_AT, b"\0" * (SLOT * SECTOR))
    assert rig.runs(rig.boot(), "four")
    # An upload that nobody asked for is better than nothing.
    rig = ABRig("four")
    rig.upload("two")
    flip(rig, A_AT + 5000)
    assert rig.runs(rig.boot(), "two")


def test_a_damaged_image_on_trial_goes_back():
    rig = installed("four", "six", trials=3)
    flip(rig, B_AT + 5000)
    boot = rig.boot()
    assert rig.runs(boot, "four") and boot.trial is None
    assert rig.events()[-1] == "repaired"


def test_a_rejected_update_does_not_come_back():
    rig = rejected("four", "six")
    flip(rig, A_AT + 5000)
    for _ in range(2):
        assert rig.boot().image is None, "recovery rather than what nobody confirmed"
    # Unless somebody asks for it again.
    rig = rejected("four", "six")
    rig.strategy.set_pending(False)
    boot = rig.boot()
    assert rig.runs(boot, "six") and boot.trial == (1, 1)


def test_without_a_way_back_the_update_stays():
    rig = installed("four", "six")
    flip(rig, A_AT + 5000)
    boot = rig.boot()
    assert rig.runs(boot, "six") and boot.trial is None
    assert rig.events()[-1] == "refused" and "no way back" in rig.reason()
    before = rig.flash.ops
    assert rig.runs(rig.boot(), "six")
    assert rig.flash.ops == before


def test_nothing_bootable_is_recovery_and_takes_an_upload():
    def both_damaged():
        rig = confirmed("four", "six")
        flip(rig, A_AT + 5000)
        flip(rig, B_AT + 5000)
        return rig

    def rejected_only():
        rig = rejected("four", "six")
        flip(rig, A_AT + 5000)
        return rig

    def lost_on_trial():
        rig = installed("four", "six", trials=3)
        flip(rig, A_AT + 5000)
        flip(rig, B_AT + 5000)
        return rig

    for start in (ABRig, both_damaged, rejected_only, lost_on_trial):
        rig = start()
        boot = rig.boot()
        assert boot.image is None and boot.reason
        rig.stage("two")
        boot = rig.boot()
        assert rig.runs(boot, "two"), start.__name__


def test_the_other_slot_is_kept_while_it_is_wanted():
    rig = installed("four", "six", trials=3)
    assert "way back" in raises(StrategyError, rig.strategy.begin_upload)
    assert "confirm it first" in raises(StrategyError, rig.strategy.set_pending, False)
    rig.strategy.confirm()
    rig.stage("two")
    assert rig.holds(A_AT, "two")
    assert "pending" in raises(StrategyError, rig.strategy.begin_upload)
    before = rig.flash.ops
    rig.strategy.set_pending(False)
    assert rig.flash.ops == before, "asked for already"
    rig.strategy.set_pending(True)
    boot = rig.boot()
    assert rig.runs(boot, "two") and boot.trial is None


def test_what_runs_stays_the_active_one_until_the_reset():
    rig = ABRig("four")
    rig.boot()
    rig.stage("six")
    assert rig.strategy.active()._offset == A_AT and rig.strategy.other()._offset == B_AT
    assert rig.strategy.facts().pending and not rig.strategy.facts().on_trial
    assert not rig.strategy.confirm()
    rig.boot()
    assert rig.strategy.active()._offset == B_AT and rig.strategy.other()._offset == A_AT
    assert rig.strategy.facts().on_trial and not rig.strategy.facts().pending


class ABServer(Server):
    """The SMP server of an ABRig."""

    def __init__(self, rig):
        self.rig, self.version, self.resets = rig, 1, []
        self.boot()


def test_what_a_host_sees():
    # Slot 0 is the one that runs and slot 1 the other one, wherever they lie.
    server = ABServer(ABRig("four", trials=2))
    for name, at in (("six", B_AT), ("two", A_AT)):
        assert server.upload(image(name))["match"] is True
        assert server.rig.holds(at, name)
        old, new = server.images()
        assert old["active"] and new["slot"] == 1 and not new["pending"]
        listed = server.ask(True, 1, 0, {"hash": new["hash"], "confirm": False})["images"]
        assert listed[1]["pending"] and listed[0]["active"]
        server.boot()
        running, other = server.images()
        assert running["hash"] == new["hash"] and running["slot"] == 0 and not running["confirmed"]
        assert other["hash"] == old["hash"] and other["confirmed"], "the way back"
        assert err(server.ask(True, 1, 5, {"slot": 1})) == (1, 9), "not the way back of a trial"
        assert server.ask(True, 1, 0, {"confirm": True})["images"][0]["confirmed"]
        server.boot()
    server.ask(True, 1, 5, {"slot": 1})
    assert len(server.images()) == 1
    server.boot()
    assert len(server.images()) == 1


def test_a_record_that_lost_its_flags_would_run():
    # Why records are erased before their flags: this is what a trailer in one sector could leave.
    rig = rejected("four", "six")
    assert rig.runs(rig.boot(), "four")
    rig.put(B_AT + FLAG_SECTOR * SECTOR, b"\xff" * SECTOR)
    assert rig.runs(rig.boot(), "six"), "the forgery is as bad as the order of erases assumes"
    erased = []
    rig = rejected("four", "six")
    rig.flash.on_op = lambda kind, addr, length: erased.append((kind, addr // SECTOR - SLOT))
    rig.strategy.begin_upload()
    assert erased[:2] == [("erase", RECORD_SECTOR), ("erase", FLAG_SECTOR)]


def test_torn_marks():
    # Any byte that is not erased counts as written.
    rig = installed("four", "six")
    forge(rig, field_at(B_AT, IMAGE_OK), b"\x7f")
    assert not rig.strategy.confirm()
    assert rig.runs(rig.boot(), "six")
    rig = pending("four", "six")
    forge(rig, field_at(B_AT, COPY_DONE) + 7, b"\xfe")
    boot = rig.boot()
    assert rig.runs(boot, "six") and boot.trial == (1, 1)
    rig = installed("four", "six", trials=3)
    forge(rig, field_at(B_AT, REJECTED) + 3, b"\xef")
    assert rig.runs(rig.boot(), "four")
    # A torn record is none.
    for cut in (4, 8, 16, 19):
        rig = pending("four", "six")
        at = B_AT + RECORD_SECTOR * SECTOR
        forge(rig, at + cut, b"\xff" * (32 - cut))
        assert rig.runs(rig.boot(), "four"), cut
        rig.strategy.set_pending(False)
        assert rig.runs(rig.boot(), "six"), cut


def test_a_torn_record_of_the_running_slot_does_not_stop_updates():
    for rig in (ABRig("four"), rejected("four", "six")):
        forge(rig, A_AT + RECORD_SECTOR * SECTOR, b"OPHJ\x00")
        assert rig.runs(rig.boot(), "four")
        theirs = rig.strategy._note.read()
        rig.upload("two")
        assert rig.strategy._journal.read()[1] == (theirs[1] if theirs else 0) + 1, "above the other one"
        rig.strategy.set_pending(False)
        assert rig.runs(rig.boot(), "two")
        assert rig.runs(rig.boot(), "four")


def test_a_slot_that_cannot_be_read_does_not_stop_the_boot():
    rig = confirmed("four", "six")
    rig.flash.faults = [(A_AT, A_AT + RECORD_SECTOR * SECTOR, "fail")]
    assert rig.runs(rig.boot(), "six")
    rig = confirmed("four", "six")
    rig.flash.faults = [(B_AT, B_AT + RECORD_SECTOR * SECTOR, "fail")]
    assert rig.runs(rig.boot(), "four")


def test_other_write_sizes():
    for write_size in (1, 8, 16, 32):
        rig = pending("four", "six", trials=2, write_size=write_size)
        assert rig.boot().trial == (1, 2)
        assert rig.boot().trial == (2, 2)
        assert rig.runs(rig.boot(), "four"), write_size
        rig.stage("two", True)
        assert rig.runs(rig.boot(), "two"), write_size


def test_slots_that_do_not_fit_are_refused():
    assert AB.room((SLOT, SLOT), SECTOR, 4) == 7 * SECTOR and AB.room((SLOT, SLOT), SECTOR, 32) == 7 * SECTOR
    flash = ram_flash(8)
    buf = bytearray(SECTOR)
    two = Area(flash, 0, 2 * SECTOR), Area(flash, 2 * SECTOR, 2 * SECTOR)
    assert "no room" in raises(StrategyError, AB, two[0], two[1], buf)
    three = Area(flash, 0, 3 * SECTOR)
    assert "not equal" in raises(StrategyError, AB, two[0], three, buf)
