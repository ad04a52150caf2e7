"""Going back from a confirmed image that cannot be reached, under every strategy, through power cuts."""

from cuts import STEP, cut_everywhere
from ophion_boot.core.sanity import HARD, POWER_ON, WATCHDOG
from rig import Rig
from rig_ab import ABRig
from rig_golden import GoldenRig
from rig_sanity import Chip
from support import image

OLD, NEW = "four", "six"
KINDS = ("swap_offset", "swap_scratch", "golden", "ab")


def confirmed(kind):
    """A device that was updated from OLD to NEW, which was confirmed; OLD is the factory image, too."""
    if kind == "golden":
        rig = GoldenRig(OLD, OLD)
        rig.stage(image(NEW))
    elif kind == "ab":
        rig = ABRig(OLD)
        rig.upload(NEW)
        rig.strategy.set_pending(False)
    else:
        rig = Rig(kind=kind)
        rig.flash_primary(image(OLD))
        rig.stage(image(NEW))
    rig.boot()
    rig.strategy.confirm()
    rig.chip = Chip()
    assert rig.chip.boot_rig(rig, POWER_ON)[1] is False
    return rig


def version_of(boot):
    return boot.image.version if boot.image else None


def versions():
    """The versions of OLD and NEW, as the bootloader calls them."""
    return [version_of(started(name)) for name in (OLD, NEW)]


def started(name):
    rig = Rig()
    rig.flash_primary(image(name))
    return rig.boot()


def until_judged(rig, cause):
    """Two boots that miss, and the recoveries that follow them."""
    for expected in (True, False, True, False):
        assert rig.chip.boot_rig(rig, cause)[1] is expected
    return rig


def test_after_as_many_misses_as_allowed_the_image_before_runs():
    old, new = versions()
    for kind in KINDS:
        for cause in (HARD, WATCHDOG):
            rig = until_judged(confirmed(kind), cause)
            boot, recovery = rig.chip.boot_rig(rig, cause)
            assert (version_of(boot), recovery, boot.trial) == (old, False, None), kind
            last = rig.log.read()[-1]
            assert (last["event"], last["version"]) == ("reverted", old) and "health" in last["reason"]
            rig.chip.reached()
            assert version_of(rig.chip.boot_rig(rig, HARD)[0]) == old, "it stays"
            assert old != new


def test_when_that_fails_too_it_is_recovery_for_good_and_not_the_first_one_again():
    old, _ = versions()
    for kind in KINDS:
        rig = until_judged(confirmed(kind), WATCHDOG)
        rig.chip.boot_rig(rig, WATCHDOG)
        until_judged(rig, WATCHDOG)
        boot, recovery = rig.chip.boot_rig(rig, WATCHDOG)
        assert recovery and not boot.retry and boot.reason == "nothing is left", kind
        boot, recovery = rig.chip.boot_rig(rig, POWER_ON)
        assert (version_of(boot), recovery, boot.retry) == (old, False, True), "power may have been it"
        boot, recovery = rig.chip.boot_rig(rig, WATCHDOG)
        assert recovery and not boot.retry


def test_a_factory_image_alone_has_no_way_back():
    for kind in KINDS:
        if kind == "golden":
            rig = GoldenRig(OLD, OLD)
        elif kind == "ab":
            rig = ABRig(OLD)
        else:
            rig = Rig(kind=kind)
            rig.flash_primary(image(OLD))
        rig.chip = Chip()
        rig.chip.boot_rig(rig, POWER_ON)
        before = rig.flash.ops
        until_judged(rig, HARD)
        boot, recovery = rig.chip.boot_rig(rig, HARD)
        assert recovery and boot.image is not None and boot.reason == "nothing is left", kind
        assert rig.flash.ops == before, "nothing was written to the slots"


def test_an_update_after_going_back_begins_with_no_misses():
    for kind in KINDS:
        rig = until_judged(confirmed(kind), WATCHDOG)
        rig.chip.boot_rig(rig, WATCHDOG)
        if kind == "ab":
            rig.upload("two")
        else:
            rig.strategy.begin_upload()
            rig.put_staged(image("two"))
        rig.strategy.set_pending(True)
        third = rig.chip.boot_rig(rig, HARD)
        assert version_of(third[0]) == version_of(started("two")) and not third[1]
        assert rig.chip.sanity.misses == 0
        rig.chip.boot_rig(rig, WATCHDOG)
        assert rig.chip.sanity.misses == 1


def test_an_image_on_trial_is_left_to_its_trials():
    rig = Rig(trials=3)
    rig.flash_primary(image(OLD))
    rig.stage(image(NEW))
    rig.chip = Chip()
    rig.chip.boot_rig(rig, POWER_ON)
    seen = [rig.chip.boot_rig(rig, WATCHDOG) for _ in range(3)]
    assert [boot.trial for boot, _ in seen] == [(2, 3), (3, 3), None]
    assert not any(recovery for _, recovery in seen), "the image before is not blamed for it"
    assert rig.events()[-1] == "reverted"


def test_power_cuts_while_going_back():
    names = versions()
    for kind in KINDS:

        def prepare(kind=kind):
            return until_judged(confirmed(kind), WATCHDOG)

        def action(rig):
            rig.chip.boot_rig(rig, WATCHDOG)

        def judge_cut(rig, boot, where):
            assert version_of(boot) in names, where
            rig.chip.rtc = b""
            boot, recovery = rig.chip.boot_rig(rig, POWER_ON)
            assert version_of(boot) in names and not recovery, where
            ends = [rig.chip.boot_rig(rig, WATCHDOG) for _ in range(12)]
            assert any(version_of(boot) == names[0] for boot, recovery in ends if not recovery), where
            assert [boot.retry for boot, recovery in ends if recovery][-1] is False, where

        cut_everywhere(prepare, action, judge_cut, step=2 if STEP == 1 else 21)
