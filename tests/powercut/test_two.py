"""The judge of two components is not blind, and excludes one state only."""

import struct
import zlib

import pytest
from powercut import judge, judge_two
from powercut.campaign import QUICK, Run, replay, replay_excluded, run_case
from powercut.cases import Case
from powercut.chip import ENDLESS

CASE = Case("ab", "two_test", "equal", "w4", "used")
DEAD = CASE._replace(action="two_dead")


def story(action="two_test", cut=1, **changes):
    """What the judge sees after a cut that did no harm, but for `changes` of each boot."""
    run = Run(CASE._replace(action=action))
    boots = [seen._replace(**changes) for seen in run.settle(run.cut(cut, "after", 0))]
    return judge.Story(run.device, boots, 1, False)


def told(action="two_test", **changes):
    return judge_two.problems(action, story(action, **changes))


@pytest.mark.parametrize("action", judge_two.RULES)
def test_a_cut_that_did_no_harm_is_none(action):
    assert told(action) == []


@pytest.mark.parametrize("action", judge_two.RULES)
def test_half_a_release_is_seen(action):
    if action != "two_alone":
        assert "old runs in runtime new" in told(action, runs="old", runtime="new")[0]
    assert "new runs in runtime old" in told(action, runs="new", runtime="old")[0]
    assert "nothing approved" in told(action, runs="")[0]
    assert "nothing approved" in told(action, runtime="")[0]


def test_a_lost_way_back_is_seen():
    run = Run(CASE)
    seen = run.settle(run.cut(1, "after", 0))[0]
    assert seen.runtime == "new"
    layout, device = run.device.layout, run.device
    running = next(at for at in layout.apps if device.runtime_at(seen.state, at) == "new")
    (other,) = set(layout.apps) - {running}
    for place, word in ((other, "runtime"), (layout.staged_at(seen.place), "application")):
        state = bytearray(seen.state)
        state[place + 40] ^= 1
        broken = judge.Story(device, [seen._replace(state=bytes(state))], 1, False)
        assert f"the {word} to go back to is lost" in judge_two.problems("two_test", broken)[0]


def test_too_many_trials_too_few_and_no_rest_are_seen():
    sound = story()
    many = sound._replace(boots=sound.boots[:1] * 4)
    assert judge_two.problems("two_test", many) == ["4 boots on trial, 3 allowed"]
    few = sound._replace(boots=sound.boots[-2:])
    assert "ran 0 times" in judge_two.problems("two_test", few)[0]
    assert "come to rest" in judge_two.problems("two_test", sound._replace(boots=sound.boots[:-1]))[0]


def test_a_refused_release_that_is_started_is_seen():
    assert told("two_refused", starts=("old", "new", "old")) == ["new was started"]


def record(sequence, state):
    """A record of otadata, made by hand."""
    crc = zlib.crc32(struct.pack("<I", sequence), 0xFFFFFFFF)
    return struct.pack("<I20sII", sequence, b"\xff" * 20, state, crc)


def hanging(state_of_record):
    """A device that resets without end, with such a record of the dead runtime's partition."""
    run = Run(DEAD)
    last = run.settle(run.cut(1, "after", 0))[-1]
    layout = run.device.layout
    number = [run.device.runtime_at(last.state, at) for at in layout.apps].index("new")
    state = bytearray(last.state)
    state[layout.otadata : layout.otadata + 32] = record(101 if number == 0 else 102, state_of_record)
    seen = last._replace(state=bytes(state), runs="", runtime="", problem=ENDLESS)
    return judge.Story(run.device, [seen, seen], 1, False)


def test_a_dead_runtime_is_excluded_only_in_a_record_that_lost_its_state():
    lost = hanging(0xFFFFFFFF)
    assert "0xffffffff" in judge_two.excluded("two_dead", lost)
    assert judge_two.problems("two_dead", lost) == []
    assert judge_two.excluded("two_test", lost) == ""
    for state in range(5):
        kept = hanging(state)
        assert judge_two.excluded("two_dead", kept) == ""
        assert "nothing approved runs (the device resets without end)" in str(
            judge_two.problems("two_dead", kept)
        )
    running = lost._replace(boots=[seen._replace(problem="recovery") for seen in lost.boots])
    assert judge_two.excluded("two_dead", running) == ""


def test_an_excluded_state_is_met_and_counted():
    result = run_case(DEAD, QUICK._replace(seeds=8))
    assert result.failed == 0 and sum(result.excluded.values()) > 0
    assert "never takes back" in next(iter(result.excluded))
    run = Run(DEAD)
    name = next(
        f"{run.name}/{state.name}"
        for state in (
            run.cut(op, "torn:subset", seed)
            for op in range(1, len(run.operations) + 1)
            for seed in range(1, 9)
            if run.operations[op - 1].kind == "program"
        )
        if run.excluded(state)
    )
    assert replay(name) == [] and "0xffffffff" in replay_excluded(name)


def test_a_run_is_the_same_each_time():
    assert run_case(CASE, QUICK, draw=3) == run_case(CASE, QUICK, draw=3)
    assert len(run_case(CASE, QUICK, draw=3).drawn) == 3
