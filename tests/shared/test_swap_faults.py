"""A flash operation that fails once, in the middle of a swap, costs neither image nor the trial."""

from rig import Rig, on_swaps
from support import image


class FailOnce:
    """Raises OSError at flash operation `at` (from now on), `times` times."""

    def __init__(self, flash, at, times=1):
        self.flash = flash
        self.at = flash.ops + at
        self.left = times
        self.hit = 0
        flash.on_op = self

    def __call__(self, kind, addr, length):
        if self.flash.ops >= self.at and self.left:
            self.left -= 1
            self.hit += 1
            raise OSError(5, "injected")


def pending(kind, old, new):
    rig = Rig(2, kind=kind)
    rig.flash_primary(image(old))
    rig.stage(image(new))
    return rig


def operations(kind, old, new):
    rig = pending(kind, old, new)
    before = rig.flash.ops
    rig.boot()
    return rig.flash.ops - before


@on_swaps
def test_a_passing_fault_is_tried_again(kind):
    for old, new in (("four", "six"), ("six", "two")):
        for at in range(1, operations(kind, old, new)):
            rig = pending(kind, old, new)
            fault = FailOnce(rig.flash, at)
            boot = rig.boot()
            assert fault.hit == 1
            assert boot.image is not None and rig.primary_is(image(new)), at
            assert boot.trial == (1, 2), at
            assert rig.boot().trial == (2, 2)
            rig.boot()
            assert rig.primary_is(image(old)), ("the way back is lost", at)


@on_swaps
def test_a_fault_that_lasts_stops_the_boot_and_loses_nothing(kind):
    stopped = 0
    for at in range(1, operations(kind, "four", "six"), 3):
        rig = pending(kind, "four", "six")
        FailOnce(rig.flash, at, times=50)
        boot = rig.boot()
        stopped += boot.image is None
        assert boot.retry, "recovery must not wait for ever when the next boot may finish the swap"
        rig.flash.on_op = None
        for _ in range(2):
            boot = rig.boot()
            assert boot.image is not None, at
        rig.boot()
        assert rig.primary_is(image("four")), at
    assert stopped > 3


@on_swaps
def test_an_install_is_tried_three_times_in_one_boot(kind):
    for faults in (2, 3):
        rig = pending(kind, "four", "six")
        fault = FailOnce(rig.flash, 12, faults)
        boot = rig.boot()
        assert fault.hit == faults and rig.strategy.interrupted() == (faults == 3)
        if faults == 2:
            assert rig.primary_is(image("six")) and boot.trial == (1, 2)
            continue
        assert boot.image is None and boot.retry, "nothing runs, and nothing is repaired"
        boot = rig.boot()
        assert rig.primary_is(image("six")) and boot.trial == (1, 2), "the next boot goes on"
