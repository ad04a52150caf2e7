"""The strategies that swap: test, confirm, permanent, revert, refusal, repair, wear; nothing is cut here."""

from ophion_boot.core.area import Area
from ophion_boot.core.receive import Upload
from ophion_boot.core.strategies import NAMES, make
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.swap_offset import SwapOffset
from ophion_boot.core.swap_scratch import SwapScratch
from ophion_boot.fmt.trailer import COPY_DONE, IMAGE_OK
from rig import PRI, SEC, SWAPS, Rig, on_swaps
from support import SECTOR, image, raises, ram_flash

# (old, new): equal, smaller, larger, one sector, the whole slot.
PAIRS = (("four", "six"), ("six", "two"), ("one", "full"), ("full", "one"), ("four", "four"))


def installed(kind, old, new, trials=1, **options):
    rig = Rig(trials, kind=kind, **options)
    rig.flash_primary(image(old))
    rig.stage(image(new))
    boot = rig.boot()
    assert boot.image is not None and rig.primary_is(image(new))
    return rig


def pending(kind, old, new, permanent=False, **options):
    rig = Rig(kind=kind, **options)
    rig.flash_primary(image(old))
    rig.stage(image(new), permanent)
    return rig


@on_swaps
def test_an_image_alone_boots_and_nothing_is_written(kind):
    rig = Rig(kind=kind)
    rig.flash_primary(image("four"))
    before = rig.flash.ops
    boot = rig.boot()
    assert boot.image.version == "4.0.0" and boot.trial is None
    assert rig.flash.ops == before


@on_swaps
def test_an_update_is_tried_and_confirmed(kind):
    for old, new in PAIRS:
        rig = installed(kind, old, new)
        assert rig.swapped_out_is(image(old))
        assert rig.strategy.confirm() and not rig.strategy.confirm()
        for _ in range(2):
            boot = rig.boot()
            assert rig.primary_is(image(new)) and boot.trial is None
        assert rig.events() == ["installed"]


@on_swaps
def test_an_update_that_is_not_confirmed_goes_back(kind):
    for old, new in PAIRS:
        rig = installed(kind, old, new)
        boot = rig.boot()
        assert rig.primary_is(image(old)) and boot.trial is None
        assert rig.staged_is(image(new))
        assert rig.events() == ["installed", "reverted"]
        assert rig.boot().image is not None and rig.primary_is(image(old)), "tried only once"


@on_swaps
def test_an_update_has_as_many_boots_as_the_layout_says(kind):
    rig = installed(kind, "four", "six", trials=3)
    assert rig.boot().trial == (2, 3)
    assert rig.boot().trial == (3, 3)
    assert rig.primary_is(image("six"))
    assert rig.boot().trial is None
    assert rig.primary_is(image("four"))


@on_swaps
def test_a_permanent_update_stays(kind):
    for old, new in PAIRS:
        rig = pending(kind, old, new, permanent=True)
        for _ in range(2):
            assert rig.boot().trial is None and rig.primary_is(image(new))


@on_swaps
def test_a_failed_update_may_be_tried_again(kind):
    rig = installed(kind, "four", "six")
    rig.boot()
    assert rig.primary_is(image("four"))
    rig.strategy.set_pending(False)
    assert rig.boot().trial == (1, 1) and rig.primary_is(image("six"))
    assert rig.swapped_out_is(image("four"))
    rig.boot()
    assert rig.primary_is(image("four"))


@on_swaps
def test_a_bad_update_is_refused_and_forgotten(kind):
    rig = Rig(kind=kind)
    rig.flash_primary(image("four"))
    bad = bytearray(image("six"))
    bad[5000] ^= 4
    rig.stage(bytes(bad))
    assert rig.boot().image.version == "4.0.0"
    assert "SHA-256" in rig.log.read()[-1]["reason"]
    before = rig.flash.ops
    rig.boot()
    assert rig.flash.ops == before, "nothing is left to do"


@on_swaps
def test_a_damaged_primary_is_repaired_from_what_is_there(kind):
    for staged in (True, False):
        rig = installed(kind, "four", "six") if not staged else Rig(kind=kind)
        if staged:
            rig.put_staged(image("two"))
        else:
            rig.strategy.confirm()
        rig.put(0, b"\0" * SECTOR)
        boot = rig.boot()
        assert boot.image.version == ("2.0.0" if staged else "4.0.0")
        assert rig.events()[-1] == "repaired"
        before = rig.flash.ops
        assert rig.boot().trial is None and rig.flash.ops == before


def test_a_repair_prefers_the_image_that_was_swapped_out():
    # Under swap_offset both have a place of their own: sector 0, and sector 1 for an update.
    rig = Rig()
    rig.put(rig.swapped_out_at, image("one"))
    rig.put_staged(image("two"))
    rig.put(0, b"\0" * SECTOR)
    assert rig.boot().image.version == "1.0.0"


@on_swaps
def test_an_update_in_place_of_nothing_has_no_way_back_and_stays(kind):
    rig = Rig(kind=kind)
    rig.put(0, b"\0" * SECTOR)
    rig.stage(image("four"))
    assert rig.boot().trial == (1, 1) and rig.events() == ["installed"]
    assert rig.boot().trial is None and rig.primary_is(image("four"))
    assert rig.events() == ["installed", "refused"] and "no way back" in rig.log.read()[-1]["reason"]


@on_swaps
def test_nothing_bootable_is_recovery_and_takes_an_upload(kind):
    rig = Rig(kind=kind)
    boot = rig.boot()
    assert boot.image is None and "erased" in boot.reason
    rig.strategy.begin_upload()
    rig.stage(image("four"))
    assert rig.boot().image.version == "4.0.0"


@on_swaps
def test_the_other_slot_is_kept_while_it_is_wanted(kind):
    rig = installed(kind, "four", "six", trials=3)
    assert "way back" in raises(StrategyError, rig.strategy.begin_upload)
    assert "confirm it first" in raises(StrategyError, rig.strategy.set_pending, False)
    rig.strategy.confirm()
    rig.strategy.begin_upload()
    rig.stage(image("two"))
    assert "pending" in raises(StrategyError, rig.strategy.begin_upload)
    rig.strategy.set_pending(False)


def test_an_image_that_has_run_lies_where_no_update_lies_and_is_not_asked_for_again():
    rig = installed("swap_offset", "four", "six", trials=3)
    rig.strategy.confirm()
    before = rig.flash.ops
    assert "send it again" in raises(StrategyError, rig.strategy.set_pending, False)
    assert rig.flash.ops == before and rig.boot().image.version == "6.0.0"
    rig = installed("swap_scratch", "four", "six", trials=3)
    rig.strategy.confirm()
    rig.strategy.set_pending(False)
    assert rig.boot().image.version == "4.0.0"


def test_strategies_are_made_by_name():
    assert set(SWAPS) <= set(NAMES)
    for name in SWAPS:
        assert Rig(kind=name).strategy.name == name
    assert "swap_magic" in raises(StrategyError, make, "swap_magic", None, bytearray(SECTOR), 1)


def test_slots_that_leave_no_room_are_refused():
    flash = ram_flash(8)
    buf = bytearray(SECTOR)
    one, two = Area(flash, 0, SECTOR), Area(flash, 2 * SECTOR, 2 * SECTOR)
    for pri, sec in ((one, one), (one, two), (two, one)):
        assert "no room" in raises(StrategyError, SwapOffset, pri, sec, buf)
        assert "no room" in raises(StrategyError, SwapScratch, pri, sec, one, buf)
    # Two sectors each are one image sector and a trailer; only swap_offset wants one more.
    assert "no room" in raises(StrategyError, SwapOffset, two, two, buf)
    assert SwapScratch(two, two, one, buf).max_image_size == SECTOR
    assert "trials" in raises(StrategyError, SwapScratch, two, two, one, buf, 9)
    assert "trials" in raises(StrategyError, SwapScratch, two, two, one, buf, 0)


def test_slots_of_unequal_size():
    # (strategy, primary, secondary) -> sectors of an image: what is left of the smaller slot beside
    # its trailer sector, and for swap_offset beside the free sector.
    sizes = (
        ("swap_offset", 8, 8, 6),
        ("swap_offset", 8, 12, 7),
        ("swap_offset", 12, 8, 6),
        ("swap_scratch", 8, 12, 7),
        ("swap_scratch", 12, 7, 6),
        ("swap_scratch", 7, 12, 6),
    )
    for kind, pri, sec, room in sizes:
        for old, new in (("four", "six"), ("six", "one")):
            rig = installed(kind, old, new, pri=pri, sec=sec)
            assert rig.strategy.max_image_size == room * SECTOR, (kind, pri, sec)
            assert rig.swapped_out_is(image(old))
            rig.boot()
            assert rig.primary_is(image(old)) and rig.staged_is(image(new)), (kind, pri, sec)


def test_marks_of_each_strategy_take_their_room():
    # 40 sectors in write units of 32 bytes: two marks a sector fit into one trailer sector, three do not.
    for kind, room in (("swap_offset", 39), ("swap_scratch", 38)):
        rig = Rig(kind=kind, pri=40, sec=41, write_size=32)
        assert rig.strategy.max_image_size == room * SECTOR


def test_a_scratch_area_of_two_sectors():
    for old, new in PAIRS:
        rig = installed("swap_scratch", old, new, scratch=2)
        assert rig.swapped_out_is(image(old))
        rig.boot()
        assert rig.primary_is(image(old)) and rig.staged_is(image(new))


@on_swaps
def test_nothing_outside_the_slots_is_written(kind):
    for scratch in (1, 2):
        flash = ram_flash(40)
        rig = Rig(kind=kind, flash=flash, scratch=scratch)
        end = sum(rig.sectors["scratch" if kind == "swap_scratch" else "secondary"]) * SECTOR
        touched = []
        flash.on_op = lambda what, at, length, touched=touched: touched.append(at + length)
        rig.flash_primary(image("full"))
        rig.stage(image("full"))
        rig.boot()
        rig.boot()
        assert rig.primary_is(image("full")) and rig.events() == ["installed", "reverted"]
        assert touched and max(touched) == end


def erases_by_sector(rig, action):
    """How often `action()` erases each sector of the flash."""
    counts = {}

    def count(what, at, length):
        if what == "erase":
            counts[at // SECTOR] = counts.get(at // SECTOR, 0) + 1

    rig.flash.on_op = count
    action()
    rig.flash.on_op = None
    return counts


def test_erases_per_update():
    for kind, per_sector in (("swap_offset", 2), ("swap_scratch", 3)):
        for name, sectors in (("four", 4), ("full", 7)):
            rig = pending(kind, name, name)
            # The first swap finds a blank primary trailer: the second one pays for it.
            for _ in range(2):
                counts = erases_by_sector(rig, rig.boot)
                assert rig.events()[-1] == "installed"
                assert per_sector * sectors < sum(counts.values()) <= per_sector * sectors + 2, kind
                rig.strategy.confirm()
                rig.strategy.begin_upload()
                rig.stage(image(name))
            rig.boot()
            counts = erases_by_sector(rig, rig.boot)
            assert rig.events()[-1] == "reverted"
            # swap_offset erases the sector that the swap freed.
            assert sum(counts.values()) <= per_sector * sectors + 2 + (kind == "swap_offset"), kind


@on_swaps
def test_no_sector_but_scratch_wears_out_first(kind):
    data = image("six")
    for scratch in (1, 2):
        rig = installed(kind, "six", "full", scratch=scratch)
        rig.strategy.confirm()

        def update(rig=rig):
            upload = Upload(rig.strategy, bytearray(SECTOR))
            assert upload.chunk(0, data, len(data)) == {"off": len(data)}
            rig.strategy.set_pending(False)
            rig.boot()

        counts = erases_by_sector(rig, update)
        assert rig.primary_is(data)
        first, sectors = rig.sectors["scratch"]
        worn = [counts.pop(first + n, 0) for n in range(sectors)]
        # Where a header may lie too: the upload does not erase again what `begin_upload` has erased.
        assert counts[rig.staged_at // SECTOR] == 2 and max(counts.values()) == 2
        if kind == "swap_scratch":
            # The six sectors that both images have pass through it, in turns.
            assert worn == [6 // scratch] * scratch
        else:
            assert worn == [0] * scratch


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


@on_swaps
def test_a_torn_erase_does_not_bring_an_older_journal_back(kind):
    for keep_marks in (0, 1, 2, 5, 12):
        rig = installed(kind, "six", "four")
        rig.strategy.confirm()
        rig.strategy.begin_upload()
        rig.stage(image("two"))
        forge_torn_trailer(rig, keep_marks)
        boot = rig.boot()
        assert boot.image.version == "2.0.0" and rig.primary_is(image("two")), keep_marks
        assert rig.swapped_out_is(image("four")), ("the old journal was replayed", keep_marks)


@on_swaps
def test_a_torn_erase_during_a_revert_does_not_bring_the_older_journal_back(kind):
    for keep_marks in (0, 1, 2, 5):
        rig = installed(kind, "six", "four")
        rig.strategy._note.write(4, len(image("four")), len(image("six")))
        forge_torn_trailer(rig, keep_marks)
        rig.boot()
        assert rig.primary_is(image("six")), keep_marks
        assert rig.staged_is(image("four")), keep_marks


@on_swaps
def test_torn_flags_count_as_written(kind):
    rig = installed(kind, "four", "six")
    slot = rig.strategy.primary
    at = slot._at(IMAGE_OK)
    slot.area.program(at, b"\x7f" + b"\xff" * 7)
    assert not rig.strategy.confirm(), "a torn image_ok is a confirmation"
    rig.boot()
    assert rig.primary_is(image("six"))
    rig = pending(kind, "four", "six")
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


@on_swaps
def test_other_write_sizes(kind):
    for write_size in (1, 8, 16, 32):
        rig = Rig(2, ram_flash(PRI + SEC + 1, write_size), kind=kind)
        rig.flash_primary(image("four"))
        rig.stage(image("six"))
        assert rig.boot().trial == (1, 2)
        assert rig.boot().trial == (2, 2)
        rig.boot()
        assert rig.primary_is(image("four")), write_size
