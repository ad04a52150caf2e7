"""Counting instructions: the same number in every run, when QEMU runs with `-icount shift=0`."""

import gc

import virt


def _nothing():
    pass


def instructions(function, *args):
    """Instructions that `function(*args)` takes, without those of calling a function that does nothing.

    The heap is collected before, so that what ran earlier changes little; a collection inside counts.
    """
    gc.collect()
    empty = _count(_nothing, ())
    gc.collect()
    return _count(function, args) - empty


def _count(function, args):
    before = virt.instret()
    function(*args)
    return virt.instret() - before
