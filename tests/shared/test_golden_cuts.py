"""golden: a cut of power at every flash operation of every action."""

from cuts import cut_everywhere
from rig_golden import PAIRS, GoldenRig, factory_for, flip, installed, pending, rejected
from support import image


def test_cuts_during_an_install_on_trial():
    for old, new in PAIRS[:4]:

        def judge(rig, boot, where, old=old, new=new):
            # The request is durable: it ends installed, or (its one boot counted as used) restored.
            factory = factory_for(old, new)
            assert rig.runs(boot, new) or rig.runs(boot, factory), where
            if rig.runs(boot, new):
                assert boot.trial == (1, 1), where
                assert rig.runs(rig.boot_through_cuts(), factory), ("does not go back", where)
            assert rig.runs(rig.boot(), factory), where

        assert cut_everywhere(lambda old=old, new=new: pending(old, new), GoldenRig.boot, judge) > 5


def test_cuts_during_a_permanent_install():
    for old, new in PAIRS[:3]:

        def judge(rig, boot, where, new=new):
            assert rig.runs(boot, new) and boot.trial is None, where
            assert rig.runs(rig.boot(), new), where

        prepare = lambda old=old, new=new: pending(old, new, True)  # noqa: E731
        assert cut_everywhere(prepare, GoldenRig.boot, judge) > 5


def test_cuts_during_a_restore():
    for old, new in PAIRS[:4]:

        def judge(rig, boot, where, old=old, new=new):
            factory = factory_for(old, new)
            assert rig.runs(boot, factory) and boot.trial is None, where
            # The update stays rejected, whatever was cut.
            flip(rig, 100)
            assert rig.runs(rig.boot(), factory), where

        assert cut_everywhere(lambda old=old, new=new: installed(old, new), GoldenRig.boot, judge) > 5


def test_cuts_during_a_repair():
    for source in ("download", "golden"):

        def prepare(source=source):
            rig = installed("four", "six") if source == "download" else GoldenRig("six", "full")
            rig.strategy.confirm()
            flip(rig, 5000)
            return rig

        def judge(rig, boot, where, source=source):
            assert rig.runs(boot, "six" if source == "download" else "full"), where
            assert boot.trial is None, where

        assert cut_everywhere(prepare, GoldenRig.boot, judge) > 5


def test_cuts_during_a_repair_of_a_restored_image():
    # The note of the restore is complete here: nothing asks for the copy but the damage.
    def prepare():
        rig = rejected("four", "six")
        flip(rig, 100)
        return rig

    def judge(rig, boot, where):
        assert rig.runs(boot, "one") and boot.trial is None, where
        assert rig.staged_is("six")

    assert cut_everywhere(prepare, GoldenRig.boot, judge) > 5


def test_cuts_during_an_update_after_a_restore():
    # A torn erase of the complete note leaves a note that looks begun: golden must not cost an update.
    def prepare():
        rig = rejected("four", "six")
        rig.strategy.begin_upload()
        rig.put_staged(image("two"))
        return rig

    def action(rig):
        rig.strategy.set_pending(True)
        rig.boot()

    def judge(rig, boot, where):
        if rig.runs(boot, "one"):
            rig.strategy.set_pending(True)
            boot = rig.boot()
        assert rig.runs(boot, "two") and boot.trial is None, where

    assert cut_everywhere(prepare, action, judge) > 5

    def ask_again(rig):
        rig.strategy.set_pending(True)

    def judge_again(rig, boot, where):
        assert rig.runs(boot, "one") or rig.runs(boot, "six"), where
        if rig.runs(boot, "one"):
            rig.strategy.set_pending(True)
            assert rig.runs(rig.boot(), "six"), ("cannot be asked for again", where)

    assert cut_everywhere(lambda: rejected("four", "six"), ask_again, judge_again, 1) >= 4

    def make_room(rig):
        rig.strategy.begin_upload()

    def judge_room(rig, boot, where):
        assert rig.runs(boot, "one"), where
        rig.strategy.begin_upload()

    assert cut_everywhere(lambda: rejected("four", "six"), make_room, judge_room, 1) >= 2


def test_cuts_while_an_update_is_asked_for_or_confirmed():
    def staged():
        rig = GoldenRig("four", "one")
        rig.put_staged(image("two"))
        return rig

    def ask(rig):
        rig.strategy.set_pending(True)

    def either(rig, boot, where):
        assert rig.runs(boot, "four") or rig.runs(boot, "two"), where
        if rig.runs(boot, "four"):
            rig.strategy.set_pending(True)
            assert rig.runs(rig.boot(), "two"), ("cannot be asked for again", where)

    assert cut_everywhere(staged, ask, either, 1) >= 3

    def confirm(rig):
        rig.strategy.confirm()

    def approved(rig, boot, where):
        assert rig.runs(boot, "six") or rig.runs(boot, "one"), where

    assert cut_everywhere(lambda: installed("four", "six"), confirm, approved, 1) >= 1
