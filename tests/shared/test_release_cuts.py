"""Power fails at every flash operation of a release of two components, ESP-IDF's own among them."""

from cuts import cut_everywhere
from rig_release import ReleaseRig

KINDS = ("swap_offset", "ab")
OLD, NEW = ("one", "rt1"), ("needs11", "rt2")
_settled = {}


def fresh(kind):
    """A device from the factory that has booted once; the flash is copied, not made anew."""
    return _copy(kind, "fresh", lambda rig: rig.boot())


def pending(kind, permanent=False):
    return _copy(kind, "pending %s" % permanent, lambda rig: _pend(rig, permanent))


def tried(kind):
    """Both trials are over, and nobody confirmed."""
    return _copy(kind, "tried", lambda rig: (_pend(rig, False), rig.boot(), rig.boot()))


def on_trial(kind):
    return _copy(kind, "on trial", lambda rig: (_pend(rig, False), rig.boot()))


def pending_without_needs():
    """An application that would run in either runtime: only the order of writes keeps it with its own."""

    def prepare(rig):
        rig.boot()
        rig.ask("two", "rt2")

    return _copy("golden", "without needs", prepare)


def _pend(rig, permanent):
    rig.boot()
    rig.ask("needs11", "rt2", permanent)


def _copy(kind, name, prepare):
    rig = ReleaseRig(kind)
    key = (kind, name)
    if key not in _settled:
        prepare(rig)
        _settled[key] = rig.bytes_at(0, rig.flash.size)
    rig.put(0, _settled[key])
    if name == "on trial":
        # The next power-on is the old runtime's: stay in the boot of the new one.
        _resume_trial(rig)
    return rig


def _resume_trial(rig):
    """Make the objects of the boot that runs already, as they were."""
    start = rig.idf_start
    rig.idf_start = lambda idf: setattr(idf, "running", idf.apps[1])
    rig.power_on()
    rig.idf_start = start


def always(rig, boot, where):
    assert rig.runs(boot) in (OLD, NEW), (where, rig.runs(boot))
    return rig.runs(boot)


def test_cuts_while_it_is_installed():
    for kind in KINDS:

        def judge(rig, boot, where):
            assert always(rig, boot, where) == NEW, where
            rig.confirm()
            assert always(rig, rig.boot(), where) == NEW, where

        assert cut_everywhere(lambda k=kind: pending(k), lambda rig: rig.boot(), judge) > 6


def test_cuts_while_an_application_without_needs_is_installed_and_nobody_confirms():
    """Under golden the request outlives the copy: the campaign found a runtime that went back alone."""

    def judge(rig, boot, where):
        for _ in range(3):
            assert rig.runs(boot) in (OLD, ("two", "rt2")), (where, rig.runs(boot))
            boot = rig.boot()
        assert rig.runs(boot) == OLD, where

    assert cut_everywhere(pending_without_needs, lambda rig: rig.boot(), judge, 1) > 12


def test_cuts_while_it_is_installed_for_good():
    def judge(rig, boot, where):
        assert always(rig, boot, where) == NEW, where
        for _ in range(4):
            boot = rig.boot()
        assert always(rig, boot, where) == NEW and boot.trial is None, where

    assert cut_everywhere(lambda: pending("swap_offset", True), lambda rig: rig.boot(), judge) > 10


def test_cuts_while_it_goes_back():
    for kind in KINDS:

        def judge(rig, boot, where):
            for _ in range(3):
                always(rig, boot, where)
                boot = rig.boot()
            assert always(rig, boot, where) == OLD, where

        assert cut_everywhere(lambda k=kind: tried(k), lambda rig: rig.boot(), judge) > 3


def test_cuts_while_a_runtime_that_does_not_start_is_tried():
    def action(rig):
        rig.broken = ("rt2",)
        rig.boot()

    def judge(rig, boot, where):
        assert always(rig, boot, where) == OLD, where
        assert always(rig, rig.boot(), where) == OLD, where

    assert cut_everywhere(lambda: pending("swap_offset"), action, judge) > 20


def test_cuts_while_it_is_confirmed():
    """Either confirmation is done, or the trial goes on; the application confirms in each of its boots."""
    for kind in KINDS:

        def judge(rig, boot, where):
            for _ in range(3):
                assert always(rig, boot, where) == NEW, where
                rig.confirm()
                boot = rig.boot()
            assert boot.trial is None and not rig.strategy.on_trial(), where

        assert cut_everywhere(lambda k=kind: on_trial(k), lambda rig: rig.confirm(), judge, 1) == 3


def test_cuts_while_it_is_asked_for():
    def judge(rig, boot, where):
        for _ in range(3):
            runs = always(rig, boot, where) if rig.runs(boot) != ("one", "rt2") else None
            boot = rig.boot()
        # The runtime is asked for first; alone it may be installed too, and goes back like anything.
        assert runs in (OLD, NEW), where

    cut_everywhere(lambda: fresh("swap_offset"), lambda rig: rig.ask("needs11", "rt2"), judge, 4)
