"""ab: a cut of power at every flash operation of every action."""

from cuts import cut_everywhere
from rig_ab import A_AT, B_AT, PAIRS, ABRig, confirmed, flip, installed, pending, rejected
from support import image


def test_cuts_during_an_install_on_trial():
    for old, new in PAIRS[:4]:

        def judge(rig, boot, where, old=old, new=new):
            assert rig.holds(A_AT, old) and rig.holds(B_AT, new), where
            # A cut between the installation and the count of the boot does not cost the trial.
            assert (rig.runs(boot, new) and boot.trial == (1, 1)) or rig.runs(boot, old), where
            if rig.runs(boot, new):
                assert rig.runs(rig.boot(), old), ("does not go back", where)
            assert rig.runs(rig.boot(), old), where

        assert cut_everywhere(lambda old=old, new=new: pending(old, new), ABRig.boot, judge, 1) == 2


def test_cuts_during_a_permanent_install():
    for old, new in PAIRS[:3]:

        def judge(rig, boot, where, new=new):
            assert rig.runs(boot, new) and boot.trial is None, where
            assert rig.runs(rig.boot(), new), where

        prepare = lambda old=old, new=new: pending(old, new, True)  # noqa: E731
        assert cut_everywhere(prepare, ABRig.boot, judge, 1) == 1


def test_cuts_during_a_revert_and_a_repair():
    def judge(rig, boot, where):
        assert rig.runs(boot, "four") and boot.trial is None, where
        before = rig.flash.ops
        assert rig.runs(rig.boot(), "four"), where
        assert rig.flash.ops == before

    assert cut_everywhere(lambda: installed("four", "six"), ABRig.boot, judge, 1) == 1

    def damaged():
        rig = confirmed("four", "six")
        flip(rig, B_AT + 5000)
        return rig

    assert cut_everywhere(damaged, ABRig.boot, judge, 1) == 1


def cut_a_request(prepare, old, new, permanent):
    """Cut set_pending: `old` runs on, or `new` was asked for; then it can be asked for again."""

    def ask(rig):
        rig.strategy.set_pending(permanent)

    def judge(rig, boot, where):
        assert rig.runs(boot, old) or rig.runs(boot, new), where
        if rig.runs(boot, old):
            rig.strategy.set_pending(permanent)
            boot = rig.boot()
            assert rig.runs(boot, new), ("cannot be asked for again", where)
        assert (boot.trial is None) == permanent, ("another request than the one made", where)
        if not permanent:
            assert rig.runs(rig.boot(), old), ("the way back is lost", where)

    return cut_everywhere(prepare, ask, judge, 1)


def test_cuts_while_an_update_is_asked_for():
    def first():
        rig = ABRig("four")
        rig.put(B_AT, image("six"))
        return rig

    def second():
        rig = confirmed("two", "four")
        rig.upload("six")
        return rig

    for permanent in (False, True):
        assert cut_a_request(first, "four", "six", permanent) == 4 + permanent, "A gets a record too"
        assert cut_a_request(second, "four", "six", permanent) == 1 + permanent
        # The rejected update: its record and its rejection are both in flash.
        again = cut_a_request(lambda: rejected("four", "six"), "four", "six", permanent)
        assert again == 3 + permanent


def test_cuts_while_a_request_is_changed():
    def judge(rig, boot, where):
        assert rig.runs(boot, "four") or rig.runs(boot, "six"), where

    def ask(rig):
        rig.strategy.set_pending(True)

    assert cut_everywhere(lambda: pending("four", "six"), ask, judge, 1) == 3


def test_cuts_while_room_is_made_for_an_upload():
    # Whatever the other slot holds, tearing it down must not make it run.
    def begin(rig):
        rig.strategy.begin_upload()

    def erase(rig):
        rig.strategy.discard()

    def judge(rig, boot, where):
        assert rig.runs(boot, "four") and boot.trial is None, where
        rig.upload("one")
        assert rig.runs(rig.boot(), "four"), where

    def factory():
        rig = ABRig("four")
        rig.put(B_AT, image("six"))
        return rig

    def in_b():
        rig = ABRig("six")
        rig.put(B_AT, image("four"))
        flip(rig, A_AT + 5000)
        rig.boot()
        rig.put(A_AT, image("six"))
        return rig

    starts = (factory, in_b, lambda: confirmed("six", "four"), lambda: rejected("four", "six"))
    for start in starts:
        assert cut_everywhere(start, begin, judge, 1) >= 3

    def either(rig, boot, where):
        assert rig.runs(boot, "four") or rig.runs(boot, "six"), where

    assert cut_everywhere(lambda: pending("four", "six"), erase, either, 1) >= 2


def test_cuts_during_an_upload():
    def judge(rig, boot, where):
        assert rig.runs(boot, "four") and boot.trial is None, where
        rig.stage("six")
        assert rig.runs(rig.boot(), "six"), where

    prepare = lambda: rejected("four", "two")  # noqa: E731
    assert cut_everywhere(prepare, lambda rig: rig.upload("six"), judge) > 10


def test_cuts_during_a_confirmation():
    def confirm(rig):
        rig.strategy.confirm()

    def judge(rig, boot, where):
        assert rig.runs(boot, "six") or rig.runs(boot, "four"), where
        now = boot.image.version
        assert rig.boot().image.version == now, where

    assert cut_everywhere(lambda: installed("four", "six"), confirm, judge, 1) == 1


def test_cuts_during_a_refusal():
    def prepare():
        rig = pending("four", "six")
        flip(rig, B_AT + 5000)
        return rig

    def judge(rig, boot, where):
        assert rig.runs(boot, "four"), where
        before = rig.flash.ops
        rig.boot()
        assert rig.flash.ops == before, where

    assert cut_everywhere(prepare, ABRig.boot, judge, 1) >= 2
