"""Power cuts at every flash operation of an action, in every shape."""

import sys

from nor import PowerCut

# MicroPython takes a share of the cuts (it is some ten times slower); CPython takes them all.
_SMALL = sys.implementation.name == "micropython"
STEP = 3 if _SMALL else 1

# Before an operation is the same flash as after the one before it: "after" is for the last one.
CUTS = (("before", 0),) + tuple(("torn", seed) for seed in range(1, 4 if _SMALL else 8))
LAST = CUTS + (("after", 0),)


def count_ops(prepare, action):
    rig = prepare()
    start = rig.flash.ops
    action(rig)
    return rig.flash.ops - start


def cut_everywhere(prepare, action, judge, step=STEP):
    """Cut `action` at every operation, in every shape; boot until it settles, then ask the judge.

    `prepare()` makes a Rig; `judge(rig, boot, where)` asserts. Returns the number of operations.
    """
    total = count_ops(prepare, action)
    assert total > 0
    cuts = 0
    for op in range(total, 0, -step):
        for shape, seed in LAST if op == total else CUTS:
            rig = prepare()
            rig.flash.arm_cut(op, shape, seed)
            try:
                action(rig)
                raise AssertionError("operation %d was not reached" % op)
            except PowerCut:
                cuts += 1
            boot = rig.boot_through_cuts()
            judge(rig, boot, (op, shape, seed))
    assert cuts > total // step * len(CUTS)
    return total
