"""golden: install by copying, restore from the factory image, and MCUboot's states."""

from nor import NorFlash
from ophion_boot.core.golden import Golden
from ophion_boot.core.strategy import StrategyError
from ophion_boot.fmt.trailer import COPY_DONE, IMAGE_OK, SWAP_INFO
from rig_golden import (
    FACTORY_AT,
    GOLD,
    PAIRS,
    PRI,
    SEC,
    GoldenRig,
    factory_for,
    flip,
    forge,
    installed,
    pending,
    rejected,
)
from support import SECTOR, gunzip, image, io, raises, ram_flash, read_file, read_json
from test_smp_server import Server, err


def test_an_image_alone_boots_and_nothing_is_written():
    rig = GoldenRig("four")
    before = rig.flash.ops
    boot = rig.boot()
    assert boot.image.version == "4.0.0" and boot.trial is None
    assert rig.flash.ops == before


def test_an_update_is_tried_and_confirmed():
    for old, new in PAIRS:
        rig = installed(old, new)
        rig.stays(new)
        assert rig.events() == ["installed"]


def test_a_trial_that_is_over_is_answered_from_the_golden_image():
    for old, new in PAIRS:
        rig = installed(old, new)
        boot = rig.boot()
        assert rig.runs(boot, factory_for(old, new)) and boot.trial is None
        assert rig.events() == ["installed", "reverted"]
        assert rig.reason() == "from golden: the trial is over"
        before = rig.flash.ops
        assert rig.runs(rig.boot(), factory_for(old, new)), "tried only once"
        assert rig.flash.ops == before


def test_an_update_has_as_many_boots_as_the_layout_says():
    rig = installed("four", "six", trials=3)
    assert rig.boot().trial == (2, 3)
    assert rig.boot().trial == (3, 3)
    boot = rig.boot()
    assert boot.trial is None and rig.runs(boot, "one")


def test_a_permanent_update_stays():
    for old, new in PAIRS:
        rig = pending(old, new, permanent=True)
        for _ in range(2):
            boot = rig.boot()
            assert boot.trial is None and rig.runs(boot, new)


def test_a_bad_update_is_refused_and_forgotten():
    rig = GoldenRig("four")
    bad = bytearray(image("six"))
    bad[5000] ^= 4
    rig.stage(bytes(bad))
    assert rig.boot().image.version == "4.0.0"
    assert rig.events() == ["refused"] and "SHA-256" in rig.reason()
    before = rig.flash.ops
    rig.boot()
    assert rig.flash.ops == before, "nothing is left to do"


def test_a_damaged_active_image_is_repaired_from_the_download_slot():
    rig = installed("four", "six")
    rig.strategy.confirm()
    flip(rig, 5000)
    boot = rig.boot()
    assert rig.runs(boot, "six") and boot.trial is None
    assert rig.events()[-1] == "repaired" and "from download" in rig.reason()


def test_a_damaged_active_image_is_repaired_from_golden_when_both_others_are_bad():
    for download in (None, b"\x00" * SECTOR, image("six")[:SECTOR]):
        rig = GoldenRig("four", "two")
        if download:
            rig.put_staged(download)
        flip(rig, 5000)
        assert rig.runs(rig.boot(), "two")
        assert rig.events() == ["repaired"] and "from golden" in rig.reason()
        before = rig.flash.ops
        assert rig.runs(rig.boot(), "two")
        assert rig.flash.ops == before


def test_a_rejected_update_does_not_come_back():
    rig = rejected("four", "six")
    assert rig.staged_is("six")
    flip(rig, 100)
    assert rig.runs(rig.boot(), "one"), "the rejected update is no spare"
    assert rig.events()[-1] == "repaired" and "from golden" in rig.reason()
    assert rig.runs(rig.boot(), "one")
    # ... unless somebody asks for it again, or for another one.
    rig.strategy.set_pending(False)
    boot = rig.boot()
    assert rig.runs(boot, "six") and boot.trial == (1, 1)
    rig.strategy.confirm()
    flip(rig, 5000)
    assert rig.runs(rig.boot(), "six")


def test_another_update_is_preferred_to_golden_when_a_trial_is_over():
    rig = installed("four", "six", trials=2)
    rig.boot()
    rig.put_staged(image("two"))
    boot = rig.boot()
    assert rig.runs(boot, "two") and boot.trial == (1, 2), "it is on trial like any other"
    assert rig.events()[-1] == "reverted" and "from download" in rig.reason()
    rig.boot()
    assert rig.runs(rig.boot(), "one")
    assert "from golden" in rig.reason()


def test_an_image_damaged_on_trial_stays_on_trial():
    # An image that damages itself must not get new trials with each repair.
    rig = installed("four", "six", trials=3)
    flip(rig, 5000)
    boot = rig.boot()
    assert rig.runs(boot, "six") and boot.trial == (2, 3)
    flip(rig, 5000)
    assert rig.boot().trial == (3, 3)
    flip(rig, 5000)
    assert rig.runs(rig.boot(), "one"), "the trial is over and nothing tells that the download is another"


def test_without_a_golden_image_the_update_stays():
    for damage in (False, True):
        rig = installed("four", "six")
        if damage:
            flip(rig, FACTORY_AT + 200)
        else:
            rig.put(FACTORY_AT, b"\xff" * SECTOR)
        boot = rig.boot()
        assert rig.runs(boot, "six") and boot.trial is None
        assert rig.events()[-1] == "refused" and "no way back" in rig.reason()
        before = rig.flash.ops
        rig.boot()
        assert rig.flash.ops == before


def test_nothing_bootable_is_recovery_and_takes_an_upload():
    rig = GoldenRig(factory=None)
    boot = rig.boot()
    assert boot.image is None and "erased" in boot.reason
    rig.strategy.begin_upload()
    rig.stage(image("four"))
    assert rig.boot().image.version == "4.0.0"
    # The same with a rejected update in the download slot and all else lost.
    rig = rejected("four", "six")
    flip(rig, 100)
    flip(rig, FACTORY_AT + 100)
    assert rig.boot().image is None
    assert rig.boot().image is None, "recovery does not make a rejected update good"
    rig.strategy.begin_upload()
    rig.stage(image("two"))
    assert rig.runs(rig.boot(), "two")


def test_a_restore_that_golden_cannot_finish_ends_in_recovery():
    rig = installed("four", "six")
    rig.strategy._note.write(4, 1, 1)
    flip(rig, 100)
    flip(rig, FACTORY_AT + 100)
    assert rig.boot().image is None
    before = rig.flash.ops
    rig.boot()
    assert rig.flash.ops == before, "it is not tried for ever"
    rig.strategy.begin_upload()


def test_the_other_slot_is_kept_while_it_is_wanted():
    rig = installed("four", "six", trials=3)
    assert "on trial" in raises(StrategyError, rig.strategy.begin_upload)
    assert "confirm it first" in raises(StrategyError, rig.strategy.set_pending, False)
    rig.strategy.confirm()
    rig.strategy.begin_upload()
    rig.stage(image("two"))
    assert "pending" in raises(StrategyError, rig.strategy.begin_upload)
    rig.strategy.set_pending(False)


def test_the_same_update_again_is_not_copied_again():
    rig = installed("four", "six")
    rig.strategy.confirm()
    rig.strategy.set_pending(False)
    before = rig.flash.erases
    boot = rig.boot()
    assert rig.runs(boot, "six") and boot.trial is None, "a confirmed image needs no trial"
    assert rig.flash.erases - before == 1
    # An image that no trailer vouches for is copied, even over itself, and is on trial.
    rig = pending("four", "four")
    assert rig.boot().trial == (1, 1)


def test_a_permanent_request_that_loses_its_image_ok_in_the_erase_stays_permanent():
    rig = pending("four", "six", permanent=True)
    request = rig.bytes_at((PRI + SEC - 1) * SECTOR, SECTOR)
    rig.boot()
    rig.put((PRI + SEC - 1) * SECTOR, request)
    forge(rig, (PRI + SEC) * SECTOR, IMAGE_OK)
    before = rig.flash.erases
    for _ in range(2):
        boot = rig.boot()
        assert rig.runs(boot, "six") and boot.trial is None
    assert rig.flash.erases - before == 1, "only the request was left"


def test_a_torn_erase_does_not_bring_an_older_trial_back():
    # The active trailer's image_ok is torn away while the request of the next update stands.
    rig = installed("four", "six")
    rig.strategy.confirm()
    rig.strategy.begin_upload()
    rig.stage(image("two"))
    forge(rig, PRI * SECTOR, IMAGE_OK)
    assert rig.runs(rig.boot(), "two")


def test_torn_flags_count_as_written():
    rig = installed("four", "six")
    forge(rig, PRI * SECTOR, IMAGE_OK, b"\x7f" + b"\xff" * 7)
    assert not rig.strategy.confirm(), "a torn image_ok is a confirmation"
    assert rig.runs(rig.boot(), "six")
    rig = installed("four", "six")
    forge(rig, PRI * SECTOR, COPY_DONE, b"\x3f" + b"\xff" * 7)
    assert rig.runs(rig.boot(), "one"), "a torn copy_done loses the trial in MCUboot"
    forge(rig, (PRI + SEC) * SECTOR, COPY_DONE, b"\x7f" + b"\xff" * 7)
    before = rig.flash.ops
    assert rig.runs(rig.boot(), "one")
    assert rig.flash.ops == before, "a torn end of a restore is an end"


def test_a_repair_finishes_what_was_asked_for_as_it_was_asked_for():
    # The flash fails three times (all the tries that an install gets): the same boot repairs, and a
    # trial stays a trial.
    for permanent in (False, True):
        rig = pending("four", "six", permanent)
        guard, first, left = rig.flash.on_op, rig.flash.ops + 8, [3]

        def fail(kind, addr, length, rig=rig, guard=guard, first=first, left=left):
            guard(kind, addr, length)
            if rig.flash.ops >= first and left[0]:
                left[0] -= 1
                raise OSError(5)

        rig.flash.on_op = fail
        boot = rig.boot()
        assert rig.runs(boot, "six") and boot.trial == (None if permanent else (1, 1))
        assert rig.events() == ["refused", "repaired"]


def test_a_download_that_cannot_be_read_does_not_stop_the_boot():
    rig = GoldenRig("four")
    rig.stage(image("six"))
    rig.flash.faults = [(PRI * SECTOR, (PRI + SEC - 1) * SECTOR, "fail")]
    assert rig.runs(rig.boot(), "four")
    flip(rig, 100)
    assert rig.runs(rig.boot(), "one")


def test_erases_per_update():
    for name, sectors in (("four", 4), ("full", 7)):
        rig = GoldenRig(name, "one")
        for _ in range(2):
            # The second time both trailers are in use.
            rig.stage(image("two" if rig.runs(rig.boot(), name) else name), permanent=True)
            before = rig.flash.erases
            rig.boot()
            assert 0 < rig.flash.erases - before <= sectors + 3
        rig = installed("one", name)
        before = rig.flash.erases
        rig.boot()
        assert 0 < rig.flash.erases - before <= 2 + 3, "a restore of a factory image of up to 2 sectors"


def test_other_write_sizes():
    for write_size in (1, 8, 16, 32):
        rig = pending("four", "six", trials=2, write_size=write_size)
        assert rig.boot().trial == (1, 2)
        assert rig.boot().trial == (2, 2)
        assert rig.runs(rig.boot(), "one"), write_size
        rig.strategy.set_pending(True)
        assert rig.runs(rig.boot(), "six"), write_size


def test_slots_that_leave_no_room_are_refused():
    assert Golden.room((PRI, SEC, GOLD), SECTOR, 4) == 7 * SECTOR
    assert (
        Golden.room((8, 12, 2), SECTOR, 4) == 7 * SECTOR and Golden.room((12, 7, 9), SECTOR, 4) == 6 * SECTOR
    )
    rig = GoldenRig()
    area = rig.strategy.primary.area.part(0, SECTOR)
    assert "no room" in raises(StrategyError, Golden, area, area, area, bytearray(SECTOR))


class GoldenServer(Server):
    """The SMP server of a GoldenRig."""

    def __init__(self, rig):
        self.rig, self.version, self.resets = rig, 1, []
        self.boot()


def test_what_a_host_sees():
    server = GoldenServer(GoldenRig("four", "one", trials=2))
    answer = server.upload(image("six"))
    assert answer["match"] is True and server.rig.staged_is("six")
    six = server.images()[1]["hash"]
    assert server.ask(True, 1, 0, {"hash": six, "confirm": False})["images"][1]["pending"]
    server.boot()
    running, copy = server.images()
    assert running["hash"] == copy["hash"] == six, "the update and what it was copied from"
    assert running["active"] and not running["confirmed"], "on trial"
    assert not copy["confirmed"], "the copy is no way back"
    refused = server.ask(True, 1, 1, {"off": 0, "len": 300, "data": image("one")})
    assert err(refused) == (1, 9), "not during a trial"
    # Nobody confirms: the factory image runs, the rejected update is listed and may be asked for again.
    server.boot()
    server.boot()
    running, copy = server.images()
    assert running["version"] == "1.0.0" and running["confirmed"] and copy["hash"] == six
    server.ask(True, 1, 0, {"hash": six, "confirm": False})
    server.boot()
    images = server.ask(True, 1, 0, {"confirm": True})["images"]
    assert images[0]["hash"] == six and images[0]["confirmed"]


# MCUboot's own states in its mode "overwrite only": what its next boot ends with (a: old, b: new).
ENDS_WITH = {
    "0-staged": "a",
    "1-test-pending": "b",
    "2-swapped-unconfirmed": "b",
    "3-reverted": "b",
    "4-confirmed": "b",
    "5-confirmed-rebooted": "b",
    "6-perm-pending": "b",
    "7-perm-done": "b",
    "8-mid-swap": "b",
}


def test_states_of_mcuboot_mean_the_same_here():
    states = read_json("swap/swap.json")["overwrite"]
    assert states["layout"]["pri"] == [0, PRI * SECTOR] and states["layout"]["sec"][1] == SEC * SECTOR
    assert {name for name in states if name != "layout"} == set(ENDS_WITH)
    for name, expected in ENDS_WITH.items():
        flash = ram_flash(PRI + SEC + GOLD)
        data = gunzip(read_file("swap/" + states[name]["file"]))[: (PRI + SEC) * SECTOR]
        flash = NorFlash(io.BytesIO(data + b"\xff" * (GOLD * SECTOR)), flash.size, SECTOR, 4)
        rig = GoldenRig(factory="one", flash=flash)
        assert rig.strategy.decide()[0] == states[name]["swap_type_next"], name
        wanted = read_file("swap/%s.bin" % expected)
        assert rig.boot().image is not None, name
        assert rig.bytes_at(0, len(wanted)) == wanted, name
        if name == "8-mid-swap":
            assert rig.events() == ["installed"], "the copy began anew"


def test_our_trailer_reads_like_mcuboots():
    states = read_json("swap/swap.json")["overwrite"]
    rig = installed("four", "six")
    rig.strategy.confirm()
    got = rig.bytes_at(PRI * SECTOR - 40, 40)
    theirs = bytes.fromhex(states["4-confirmed"]["pri_trailer"].replace(" ", ""))[-40:]
    assert got[:8] == theirs[:8], "swap_info"
    assert got[16:] == theirs[16:], "image_ok and magic; copy_done is ours: MCUboot has no trial here"
    assert SWAP_INFO == 3
