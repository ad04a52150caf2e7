"""Encrypted updates with a cut of power at every flash operation: no image is lost, no plaintext gets out."""

from cuts import STEP, count_ops, cut_everywhere
from nor import PowerCut
from rig import Rig, on_swaps
from rig_golden import GoldenRig
from rig_sealed import FACTORIES, PAIRS, SealedGolden, SealedRig, installed, running, stored
from support import raises

# MicroPython takes a share here, too.
SOME = PAIRS[:3] if STEP == 1 else PAIRS[:1]


def goes_back(old, new):
    """Judge of an install or a revert that was cut: it ends with the old image, the new one staged."""

    def judge(rig, boot, where):
        assert boot.image is not None, where
        assert rig.primary_is(running(new)) or rig.primary_is(running(old)), where
        if rig.primary_is(running(new)):
            assert rig.swapped_out_is(stored(old)), ("the way back is lost", where)
            rig.boot_through_cuts()
        assert rig.primary_is(running(old)), ("does not go back", where)
        assert rig.staged_is(stored(new)), where
        rig.check_secrecy()

    return judge


@on_swaps
def test_cuts_during_an_install(kind):
    for old, new in SOME:
        prepare = lambda o=old, n=new: SealedRig(kind, o, n)  # noqa: E731
        assert cut_everywhere(prepare, Rig.boot, goes_back(old, new), STEP) > 10


@on_swaps
def test_cuts_during_a_revert(kind):
    for old, new in SOME[:2]:
        prepare = lambda o=old, n=new: installed(kind, o, n)  # noqa: E731
        assert cut_everywhere(prepare, Rig.boot, goes_back(old, new), STEP) > 10


@on_swaps
def test_a_second_cut_while_a_swap_goes_on(kind):
    # The boot after a cut has nothing but the journal's records to go by; it is cut, too.
    old, new = "enc-four", "enc-six"
    judge = goes_back(old, new)
    again = 0
    for make_rig in (SealedRig, installed):
        total = count_ops(lambda m=make_rig: m(kind, old, new), Rig.boot)
        for op in range(2, total, 3):
            rig = make_rig(kind, old, new)
            rig.flash.arm_cut(op, "torn", op)
            raises(PowerCut, rig.boot)
            rig.flash.arm_cut(op * 7 % 11 + 1, "torn", op + 1)
            try:
                rig.boot()
                rig.flash.disarm()
            except PowerCut:
                again += 1
            judge(rig, rig.boot_through_cuts(), op)
    assert again > 20


@on_swaps
def test_cuts_during_a_permanent_install_with_other_write_sizes(kind):
    for write_size in (8, 32) if STEP == 1 else (32,):

        def prepare(write_size=write_size):
            return SealedRig(kind, "enc-four", "enc-two", True, write_size=write_size)

        def judge(rig, boot, where):
            assert rig.primary_is(running("enc-two")), where
            assert rig.swapped_out_is(stored("enc-four")), where
            rig.check_secrecy()

        assert cut_everywhere(prepare, Rig.boot, judge, 2 * STEP) > 10


def test_golden_cuts():
    for factory in FACTORIES if STEP == 1 else FACTORIES[:1]:
        for old, new in SOME[:2]:

            def judge(rig, boot, where, new=new, factory=factory):
                assert boot.image is not None and (rig.active_is(new) or rig.active_is(factory)), where
                rig.check_secrecy()
                rig.boot_through_cuts()
                assert rig.active_is(factory), where
                rig.check_secrecy()

            def pending(old=old, new=new, factory=factory):
                return SealedGolden(old, new, factory)

            def tried(old=old, new=new, factory=factory):
                rig = SealedGolden(old, new, factory)
                assert rig.boot().image is not None
                return rig

            assert cut_everywhere(pending, GoldenRig.boot, judge, 2 * STEP) > 2
            assert cut_everywhere(tried, GoldenRig.boot, judge, 2 * STEP) > 2
