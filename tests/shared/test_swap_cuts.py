"""The strategies that swap, with a cut of power at every flash operation: no image is lost."""

from cuts import cut_everywhere
from rig import Rig, on_swaps
from support import SECTOR, image
from test_swap_rules import PAIRS, installed, pending


def goes_back(old, new):
    """Judge of an install on trial: installed, or its one boot counted as used and gone back already."""

    def judge(rig, boot, where):
        assert boot.image is not None, where
        assert rig.primary_is(image(new)) or rig.primary_is(image(old)), where
        if rig.primary_is(image(new)):
            assert rig.swapped_out_is(image(old)), ("the way back is lost", where)
            rig.boot_through_cuts()
            assert rig.primary_is(image(old)), ("does not go back", where)

    return judge


def went_back(old, new):
    """Judge of a revert: it is complete, and the image that failed is still there to look at."""

    def judge(rig, boot, where):
        assert rig.primary_is(image(old)), where
        assert rig.staged_is(image(new)), where
        assert boot.trial is None, where
        rig.boot()
        assert rig.primary_is(image(old)), where

    return judge


@on_swaps
def test_cuts_during_an_install_on_trial(kind):
    for old, new in PAIRS[:4]:

        def prepare(old=old, new=new):
            return pending(kind, old, new)

        assert cut_everywhere(prepare, Rig.boot, goes_back(old, new)) > 20


@on_swaps
def test_cuts_during_a_permanent_install(kind):
    for old, new in PAIRS[:3]:

        def prepare(old=old, new=new):
            return pending(kind, old, new, True)

        def judge(rig, boot, where, new=new):
            assert rig.primary_is(image(new)), where
            rig.boot()
            assert rig.primary_is(image(new)) or rig.events()[-1] == "reverted", where

        assert cut_everywhere(prepare, Rig.boot, judge) > 20


@on_swaps
def test_cuts_during_a_revert(kind):
    for old, new in PAIRS[:4]:

        def prepare(old=old, new=new):
            return installed(kind, old, new)

        assert cut_everywhere(prepare, Rig.boot, went_back(old, new)) > 20


def test_cuts_with_two_sectors_of_scratch():
    for old, new in PAIRS[:2]:

        def asked(old=old, new=new):
            return pending("swap_scratch", old, new, scratch=2)

        def tried(old=old, new=new):
            return installed("swap_scratch", old, new, scratch=2)

        assert cut_everywhere(asked, Rig.boot, goes_back(old, new)) > 20
        assert cut_everywhere(tried, Rig.boot, went_back(old, new)) > 20


@on_swaps
def test_cuts_with_slots_of_unequal_size(kind):
    for pri, sec in ((8, 12), (12, 8)):

        def asked(pri=pri, sec=sec):
            return pending(kind, "two", "four", pri=pri, sec=sec)

        def tried(pri=pri, sec=sec):
            return installed(kind, "two", "four", pri=pri, sec=sec)

        assert cut_everywhere(asked, Rig.boot, goes_back("two", "four")) > 15
        assert cut_everywhere(tried, Rig.boot, went_back("two", "four")) > 15


@on_swaps
def test_cuts_with_trailers_of_two_sectors(kind):
    # 60 sectors and write units of 32 bytes: the journal and the magic lie in different sectors.
    def asked():
        rig = pending(kind, "two", "one", pri=60, sec=61, write_size=32)
        assert rig.strategy.max_image_size == 58 * SECTOR
        return rig

    def tried():
        return installed(kind, "two", "one", pri=60, sec=61, write_size=32)

    assert cut_everywhere(asked, Rig.boot, goes_back("two", "one")) > 10
    assert cut_everywhere(tried, Rig.boot, went_back("two", "one")) > 10


@on_swaps
def test_cuts_during_a_second_update(kind):
    # The primary trailer holds an older journal here: a torn erase must not bring it back to life.
    def prepare():
        rig = installed(kind, "six", "four")
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


@on_swaps
def test_cuts_during_a_repair(kind):
    def prepare():
        rig = installed(kind, "four", "six")
        rig.strategy.confirm()
        rig.put(0, b"\0" * SECTOR)
        return rig

    def judge(rig, boot, where):
        assert boot.image is not None and rig.primary_is(image("four")), where

    assert cut_everywhere(prepare, Rig.boot, judge) > 10


@on_swaps
def test_cuts_while_an_update_takes_the_place_of_nothing(kind):
    def prepare():
        rig = Rig(kind=kind)
        rig.put(0, b"\0" * SECTOR)
        rig.stage(image("four"))
        return rig

    def judge(rig, boot, where):
        for _ in range(2):
            assert rig.boot().image is not None and rig.primary_is(image("four")), where

    assert cut_everywhere(prepare, Rig.boot, judge) > 10


@on_swaps
def test_cuts_while_an_update_is_asked_for_or_confirmed(kind):
    def staged():
        rig = Rig(kind=kind)
        rig.flash_primary(image("four"))
        rig.put_staged(image("two"))
        return rig

    def ask(rig):
        rig.strategy.set_pending(True)

    def either(rig, boot, where):
        assert rig.primary_is(image("four")) or rig.primary_is(image("two")), where
        if rig.primary_is(image("four")):
            rig.strategy.set_pending(True)
            rig.boot()
            assert rig.primary_is(image("two")), ("cannot be asked for again", where)

    assert cut_everywhere(staged, ask, either, step=1) == 3

    def confirm(rig):
        rig.strategy.confirm()

    def approved(rig, boot, where):
        assert rig.primary_is(image("six")) or rig.primary_is(image("four")), where

    assert cut_everywhere(lambda: installed(kind, "four", "six"), confirm, approved, step=1) == 1
