"""swap_offset: test, confirm, permanent, revert, and a cut of power at every flash operation."""

import sys

from nor import PowerCut
from ophion_boot.core.area import Area
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.swap_offset import SwapOffset
from ophion_boot.fmt.trailer import COPY_DONE, IMAGE_OK
from rig import PRI, SEC, Rig
from support import SECTOR, image, raises, ram_flash

# MicroPython takes a share of the cuts (it is some thirty times slower); CPython takes them all.
STEP = 11 if sys.implementation.name == "micropython" else 1

CUTS = (("before", 0), ("torn", 1), ("torn", 2), ("torn", 3), ("after", 0))

# (old, new): equal, smaller, larger, one sector, the whole slot.
PAIRS = (("four", "six"), ("six", "two"), ("one", "full"), ("full", "one"), ("four", "four"))


def installed(old, new, trials=1):
    rig = Rig(trials)
    rig.flash_primary(image(old))
    rig.stage(image(new))
    boot = rig.boot()
    assert boot.image is not None and rig.primary_is(image(new))
    return rig


def test_an_image_alone_boots_and_nothing_is_written():
    rig = Rig()
    rig.flash_primary(image("four"))
    before = rig.flash.ops
    boot = rig.boot()
    assert boot.image.version == "4.0.0" and boot.trial is None
    assert rig.flash.ops == before


def test_an_update_is_tried_and_confirmed():
    for old, new in PAIRS:
        rig = installed(old, new)
        assert rig.swapped_out_is(image(old))
        assert rig.strategy.confirm() and not rig.strategy.confirm()
        for _ in range(2):
            boot = rig.boot()
            assert rig.primary_is(image(new)) and boot.trial is None
        assert rig.events() == ["installed"]


def test_an_update_that_is_not_confirmed_goes_back():
    for old, new in PAIRS:
        rig = installed(old, new)
        boot = rig.boot()
        assert rig.primary_is(image(old)) and boot.trial is None
        assert rig.staged_is(image(new))
        assert rig.events() == ["installed", "reverted"]
        assert rig.boot().image is not None and rig.primary_is(image(old)), "tried only once"


def test_an_update_has_as_many_boots_as_the_layout_says():
    rig = installed("four", "six", trials=3)
    assert rig.boot().trial == (2, 3)
    assert rig.boot().trial == (3, 3)
    assert rig.primary_is(image("six"))
    assert rig.boot().trial is None
    assert rig.primary_is(image("four"))


def test_a_permanent_update_stays():
    for old, new in PAIRS:
        rig = Rig()
        rig.flash_primary(image(old))
        rig.stage(image(new), permanent=True)
        for _ in range(2):
            assert rig.boot().trial is None and rig.primary_is(image(new))


def test_a_bad_update_is_refused_and_forgotten():
    rig = Rig()
    rig.flash_primary(image("four"))
    bad = bytearray(image("six"))
    bad[5000] ^= 4
    rig.stage(bytes(bad))
    assert rig.boot().image.version == "4.0.0"
    assert "SHA-256" in rig.log.read()[-1]["reason"]
    before = rig.flash.ops
    rig.boot()
    assert rig.flash.ops == before, "nothing is left to do"


def test_a_damaged_primary_is_repaired_from_what_is_there():
    for staged in (True, False):
        rig = installed("four", "six") if not staged else Rig()
        if staged:
            rig.put((PRI + 1) * SECTOR, image("two"))
        else:
            rig.strategy.confirm()
        rig.put(0, b"\0" * SECTOR)
        boot = rig.boot()
        assert boot.image.version == ("2.0.0" if staged else "4.0.0")
        assert rig.events()[-1] == "repaired"


def test_nothing_bootable_is_recovery_and_takes_an_upload():
    rig = Rig()
    boot = rig.boot()
    assert boot.image is None and "erased" in boot.reason
    rig.strategy.begin_upload()
    rig.stage(image("four"))
    assert rig.boot().image.version == "4.0.0"


def test_the_other_slot_is_kept_while_it_is_wanted():
    rig = installed("four", "six", trials=3)
    assert "way back" in raises(StrategyError, rig.strategy.begin_upload)
    assert "confirm it first" in raises(StrategyError, rig.strategy.set_pending, False)
    rig.strategy.confirm()
    rig.strategy.begin_upload()
    rig.stage(image("two"))
    assert "pending" in raises(StrategyError, rig.strategy.begin_upload)
    rig.strategy.set_pending(False)


def test_slots_that_leave_no_room_are_refused():
    flash = ram_flash(4)
    assert "no room" in raises(
        StrategyError, SwapOffset, Area(flash, 0, SECTOR), Area(flash, SECTOR, SECTOR), bytearray(SECTOR)
    )
    assert "trials" in raises(
        StrategyError,
        SwapOffset,
        Area(flash, 0, 2 * SECTOR),
        Area(flash, 2 * SECTOR, 2 * SECTOR),
        bytearray(SECTOR),
        9,
    )


def count_ops(prepare, action):
    rig = prepare()
    start = rig.flash.ops
    action(rig)
    return rig.flash.ops - start


def cut_everywhere(prepare, action, judge, step=STEP):
    """Cut `action` at every operation, in every shape; boot until it settles, then ask the judge."""
    total = count_ops(prepare, action)
    assert total > 0
    cuts = 0
    for op in range(1, total + 1, step):
        for shape, seed in CUTS:
            rig = prepare()
            rig.flash.arm_cut(op, shape, seed)
            try:
                action(rig)
                raise AssertionError("operation %d was not reached" % op)
            except PowerCut:
                cuts += 1
            boot = rig.boot_through_cuts()
            judge(rig, boot, (op, shape, seed))
    return cuts * step


def pending(old, new, permanent=False):
    rig = Rig()
    rig.flash_primary(image(old))
    rig.stage(image(new), permanent)
    return rig


def test_cuts_during_an_install_on_trial():
    for old, new in PAIRS[:4]:

        def judge(rig, boot, where, old=old, new=new):
            # Installed on trial, or installed and (its one boot counted as used) gone back already.
            assert boot.image is not None, where
            assert rig.primary_is(image(new)) or rig.primary_is(image(old)), where
            if rig.primary_is(image(new)):
                assert rig.swapped_out_is(image(old)), ("the way back is lost", where)
                rig.boot_through_cuts()
                assert rig.primary_is(image(old)), ("does not go back", where)

        assert cut_everywhere(lambda old=old, new=new: pending(old, new), Rig.boot, judge) > 20


def test_cuts_during_a_permanent_install():
    for old, new in PAIRS[:3]:

        def judge(rig, boot, where, new=new):
            assert rig.primary_is(image(new)), where
            rig.boot()
            assert rig.primary_is(image(new)) or rig.events()[-1] == "reverted", where

        assert cut_everywhere(lambda old=old, new=new: pending(old, new, True), Rig.boot, judge) > 20


def test_cuts_during_a_revert():
    for old, new in PAIRS[:4]:

        def judge(rig, boot, where, old=old, new=new):
            assert rig.primary_is(image(old)), where
            assert boot.trial is None, where
            rig.boot()
            assert rig.primary_is(image(old)), where

        assert cut_everywhere(lambda old=old, new=new: installed(old, new), Rig.boot, judge) > 20


def test_cuts_during_a_second_update():
    # The primary trailer holds an older journal here: a torn erase must not bring it back to life.
    def prepare():
        rig = installed("six", "four")
        rig.strategy.confirm()
        rig.strategy.begin_upload()
        rig.stage(image("two"))
        return rig

    def judge(rig, boot, where):
        assert boot.image is not None, where
        if rig.primary_is(image("two")):
            assert rig.swapped_out_is(image("four")), where
        else:
            assert rig.primary_is(image("four")), where

    assert cut_everywhere(prepare, Rig.boot, judge) > 20


def forge_torn_trailer(rig, keep_marks):
    """What a torn erase can leave of the primary trailer: all of it but copy_done and later marks."""
    slot = rig.strategy.primary
    data = bytearray(SECTOR)
    rig.flash.readblocks(PRI - 1, data)
    at = slot._at(COPY_DONE) % SECTOR
    data[at : at + 8] = b"\xff" * 8
    marks = 32 + 8 * 8 + 4 * keep_marks
    data[marks : marks + 200] = b"\xff" * 200
    rig.flash.writeblocks(PRI - 1, data)


def test_a_torn_erase_does_not_bring_an_older_journal_back():
    for keep_marks in (0, 1, 2, 5, 12):
        rig = installed("six", "four")
        rig.strategy.confirm()
        rig.strategy.begin_upload()
        rig.stage(image("two"))
        forge_torn_trailer(rig, keep_marks)
        boot = rig.boot()
        assert boot.image.version == "2.0.0" and rig.primary_is(image("two")), keep_marks
        assert rig.swapped_out_is(image("four")), ("the old journal was replayed", keep_marks)


def test_a_torn_erase_during_a_revert_does_not_bring_the_older_journal_back():
    for keep_marks in (0, 1, 2, 5):
        rig = installed("six", "four")
        rig.strategy._note.write(4, len(image("four")), len(image("six")))
        forge_torn_trailer(rig, keep_marks)
        rig.boot()
        assert rig.primary_is(image("six")), keep_marks
        assert rig.staged_is(image("four")), keep_marks


def test_cuts_while_an_update_is_asked_for_or_confirmed():
    def staged():
        rig = Rig()
        rig.flash_primary(image("four"))
        rig.put((PRI + 1) * SECTOR, image("two"))
        return rig

    def ask(rig):
        rig.strategy.set_pending(True)

    def either(rig, boot, where):
        assert rig.primary_is(image("four")) or rig.primary_is(image("two")), where
        if rig.primary_is(image("four")):
            rig.strategy.set_pending(True)
            rig.boot()
            assert rig.primary_is(image("two")), ("cannot be asked for again", where)

    assert cut_everywhere(staged, ask, either) >= 15

    def confirm(rig):
        rig.strategy.confirm()

    def approved(rig, boot, where):
        assert rig.primary_is(image("six")) or rig.primary_is(image("four")), where

    assert cut_everywhere(lambda: installed("four", "six"), confirm, approved) >= 5


def test_torn_flags_count_as_written():
    rig = installed("four", "six")
    slot = rig.strategy.primary
    at = slot._at(IMAGE_OK)
    slot.area.program(at, b"\x7f" + b"\xff" * 7)
    assert not rig.strategy.confirm(), "a torn image_ok is a confirmation"
    rig.boot()
    assert rig.primary_is(image("six"))
    rig = pending("four", "six")
    rig.boot()
    flag = bytearray(8)
    rig.strategy.primary.area.read(rig.strategy.primary._at(COPY_DONE), flag)
    assert flag[0] == 1
    data = bytearray(SECTOR)
    rig.flash.readblocks(PRI - 1, data)
    data[rig.strategy.primary._at(COPY_DONE) % SECTOR] = 0x3F
    rig.flash.writeblocks(PRI - 1, data)
    rig.boot()
    assert rig.primary_is(image("four")), "a torn copy_done loses the revert in MCUboot"


def test_erases_per_update():
    for name, sectors in (("four", 4), ("full", 7)):
        rig = pending(name, name)
        before = rig.flash.erases
        rig.boot()
        assert 0 < rig.flash.erases - before <= 2 * sectors + 2


def test_other_write_sizes():
    for write_size in (1, 8, 16, 32):
        rig = Rig(2, ram_flash(PRI + SEC, write_size))
        rig.flash_primary(image("four"))
        rig.stage(image("six"))
        assert rig.boot().trial == (1, 2)
        assert rig.boot().trial == (2, 2)
        rig.boot()
        assert rig.primary_is(image("four")), write_size
