"""Two components, one release: installed together, confirmed together, or taken back together."""

from ophion_boot.core import release
from ophion_boot.core.strategy import StrategyError
from rig import on_each
from rig_release import ReleaseRig
from support import raises

on_each_kind = on_each(("swap_offset", "swap_scratch", "golden", "ab"))
OLD, NEW = ("one", "rt1"), ("needs11", "rt2")


def pending(kind="swap_offset", trials=2, permanent=False):
    """The old release from the factory, a new one asked for."""
    rig = ReleaseRig(kind, trials=trials)
    assert rig.runs(rig.boot()) == OLD
    rig.ask("needs11", "rt2", permanent)
    return rig


def test_a_factory_device_needs_no_envelope_and_writes_nothing():
    rig = ReleaseRig()
    rig.boot()
    ops = rig.flash.ops
    assert rig.runs(rig.boot()) == OLD
    assert rig.flash.ops == ops


@on_each_kind
def test_both_are_installed_and_confirmed(kind):
    rig = pending(kind)
    boot = rig.boot()
    assert rig.runs(boot) == NEW
    assert boot.trial == (1, 2)
    rig.confirm()
    ops = rig.flash.ops
    for _ in range(4):
        boot = rig.boot()
        assert rig.runs(boot) == NEW and boot.trial is None
    assert rig.flash.ops == ops, "a confirmed release writes nothing"


@on_each_kind
def test_both_go_back_when_nobody_confirms(kind):
    rig = pending(kind)
    for n in (1, 2):
        boot = rig.boot()
        assert rig.runs(boot) == NEW and boot.trial == (n, 2)
    boot = rig.boot()
    assert rig.runs(boot) == OLD and boot.trial is None
    assert rig.runs(rig.boot()) == OLD
    assert "reverted" in rig.events()


@on_each_kind
def test_a_runtime_that_does_not_start_takes_its_application_back(kind):
    rig = pending(kind)
    rig.broken = ("rt2",)
    assert rig.runs(rig.boot()) == OLD
    assert rig.starts.count("rt2") == 2, rig.starts


@on_each_kind
def test_a_release_for_good_needs_no_confirmation(kind):
    rig = pending(kind, permanent=True)
    for _ in range(4):
        boot = rig.boot()
        assert rig.runs(boot) == NEW and boot.trial is None


@on_each_kind
def test_a_release_for_good_goes_back_when_its_runtime_does_not_start(kind):
    rig = pending(kind, permanent=True)
    rig.broken = ("rt2",)
    assert rig.runs(rig.boot()) == OLD


@on_each_kind
def test_a_runtime_alone(kind):
    rig = ReleaseRig(kind)
    rig.boot()
    rig.ask(runtime="rt2")
    boot = rig.boot()
    assert rig.runs(boot) == ("one", "rt2") and boot.trial == (1, 2)
    assert rig.runs(rig.boot()) == ("one", "rt2")
    assert rig.runs(rig.boot()) == OLD
    rig.ask(runtime="rt2")
    rig.boot()
    rig.confirm()
    for _ in range(4):
        assert rig.runs(rig.boot()) == ("one", "rt2")


def test_an_application_is_not_installed_without_the_runtime_it_needs():
    rig = ReleaseRig()
    rig.boot()
    rig.ask("needs11")
    assert rig.runs(rig.boot()) == OLD
    assert rig.reasons()[-1] == "it needs image 1 from 1.1.0 on, here is 1.0.0"


@on_each_kind
def test_a_release_whose_application_needs_more_is_refused_as_one(kind):
    rig = ReleaseRig(kind)
    rig.boot()
    rig.ask("needs12", "rt2")
    assert rig.runs(rig.boot()) == OLD
    assert "it needs image 1 from 1.2.0 on, here is 1.1.0" in rig.reasons()
    assert rig.runs(rig.boot()) == OLD
    assert rig.starts.count("rt2") == 0


@on_each_kind
def test_a_runtime_that_needs_a_newer_application_is_refused(kind):
    rig = ReleaseRig(kind)
    rig.boot()
    rig.ask(runtime="rt3")
    assert rig.runs(rig.boot()) == OLD
    assert rig.reasons()[-1] == "it needs image 0 from 8.0.0 on, here is 1.0.0"


@on_each_kind
def test_a_damaged_component_takes_the_other_with_it(kind):
    for damaged in ("app", "runtime"):
        rig = pending(kind)
        at = rig.strategy.staged()._offset if damaged == "app" else rig.idf.table[2].offset
        sector = bytearray(rig.bytes_at(at, 4096))
        sector[200] ^= 1
        rig.put(at, bytes(sector))
        assert rig.runs(rig.boot()) == OLD
        assert rig.runs(rig.boot()) == OLD
        assert rig.starts.count("rt2") == 0
        assert not rig.strategy.facts().pending and not rig.runtime.asked()


def test_one_to_stay_and_one_on_trial_are_refused():
    rig = ReleaseRig()
    rig.boot()
    rig.ask("needs11", permanent=True)
    rig.upload("rt2", True)
    rig.runtime.set_pending(False)
    assert rig.runs(rig.boot()) == OLD
    assert "one of the two images is to stay, the other on trial" in rig.reasons()


def test_back_and_forth():
    """A second release goes into the slot of the first runtime; then an older one is asked for again."""
    rig = pending()
    rig.boot()
    rig.confirm()
    rig.ask("needs12", "rt3")
    assert rig.runs(rig.boot()) == ("needs12", "rt3")
    rig.confirm()
    assert rig.runs(rig.boot()) == ("needs12", "rt3")
    rig.ask("one", "rt1")
    assert rig.runs(rig.boot()) == OLD
    rig.confirm()
    for _ in range(3):
        assert rig.runs(rig.boot()) == OLD


def test_the_fallback_cannot_be_overwritten_during_a_trial():
    rig = pending()
    rig.boot()
    said = "the running runtime is on trial: the other slot holds the way back"
    assert raises(StrategyError, rig.runtime.begin_upload) == said
    assert raises(StrategyError, rig.runtime.discard) == said
    assert (
        raises(StrategyError, rig.runtime.set_pending, False)
        == "the running runtime is on trial: confirm it first"
    )


def test_a_request_and_its_repetition():
    rig = ReleaseRig()
    rig.ask(runtime="rt2")
    ops = rig.flash.ops
    rig.runtime.set_pending(False)
    assert rig.flash.ops == ops
    assert (
        raises(StrategyError, rig.runtime.begin_upload) == "a runtime is pending: the next boot installs it"
    )


def test_recovery_is_served_by_the_old_runtime():
    """Asked for in the middle of an installation: the new runtime waits."""
    rig = pending()
    boot = rig.boot(hold=True)
    assert rig.starts[-1] == "rt1" and "rt2" not in rig.starts
    assert rig.runs(rig.boot()) == NEW, boot.reason


def test_a_torn_record_without_a_guard_sends_the_runtime_back_for_a_proper_trial():
    """otadata lost the state of its record: ESP-IDF would never go back by itself."""
    rig = pending()
    rig.boot()
    record = bytearray(rig.bytes_at(rig.idf.otadata.offset + 4096, 32))
    record[24:28] = b"\xff\xff\xff\xff"
    rig.put(rig.idf.otadata.offset + 4096, bytes(record))
    boot = rig.boot()
    assert rig.starts[-3:] == ["rt2", "rt1", "rt2"]
    assert rig.runs(boot) == NEW and boot.trial == (2, 2) and rig.runtime.guarded()
    assert rig.runs(rig.boot()) == OLD


def test_the_application_is_confirmed_with_its_runtime():
    """Power failed between the two confirmations."""
    rig = pending()
    rig.boot()
    rig.runtime.confirm()
    assert rig.strategy.on_trial()
    assert rig.runs(rig.boot()) == NEW
    assert not rig.strategy.on_trial()


def test_another_application_is_not_confirmed_by_the_runtime():
    rig = pending(trials=1)
    rig.boot()
    rig.confirm()
    rig.ask("two")
    assert rig.runs(rig.boot()) == ("two", "rt2")
    assert rig.strategy.on_trial()
    assert rig.runs(rig.boot()) == NEW


def test_the_table_covers_everything():
    for n in range(1 << 7):
        action, name = release.decide(tuple(bool(n >> i & 1) for i in range(7)))
        assert action in {row[8] for row in release.TABLE} and name
