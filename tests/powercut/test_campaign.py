"""The sampled campaign finds nothing, and says what it did; the judge is not blind."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from powercut import judge, judge_two, report
from powercut.__main__ import QUICK_SHARE
from powercut.campaign import QUICK, Run, parse_step, run_case
from powercut.cases import Case
from powercut.targets import TARGETS

ROOT = Path(__file__).parents[2]
# Work, not waiting: on a busy machine it takes several times as long.
pytestmark = pytest.mark.timeout(620)
# At least so many states, of them with a second cut, of them with two components.
LEAST = {
    "swap_offset": (70_000, 10_000, 10_000),
    "swap_scratch": (80_000, 12_000, 12_000),
    "golden": (45_000, 6_000, 7_500),
    "ab": (16_000, 1_000, 4_500),
}
CASE = Case("swap_offset", "test", "larger", "w4", "used")


def tool(*args):
    return subprocess.run(
        [sys.executable, "tools/powercut", *args], cwd=ROOT, capture_output=True, text=True, timeout=600
    )


def test_every_strategy_is_sampled():
    assert set(LEAST) == set(TARGETS)


@pytest.mark.parametrize("strategy", LEAST)
def test_the_sampled_campaign_finds_nothing(strategy):
    done = tool("--quick", "--strategy", strategy)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1].replace(",", "")
    states, single, double = map(
        int, re.match(r"(\d+) cut states \((\d+) with 1 (\d+) with 2", last).groups()
    )
    assert single + double <= states
    assert states >= LEAST[strategy][0] and double >= LEAST[strategy][1], last
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(strategy + " ")]
    assert [row[1] for row in rows] == [*judge.RULES, *judge_two.RULES], "a line for each action"
    both = sum(int(row[3].replace(",", "")) for row in rows if row[1] in judge_two.RULES)
    assert both >= LEAST[strategy][2], both
    assert f" {QUICK_SHARE} of them on MicroPython " in last
    assert int(re.search(r"(\d+) excluded", last)[1]) < 30 and " 0 failures " in last


def test_failures_are_printed_with_a_name_that_can_be_replayed(tmp_path):
    page = tmp_path / "page.html"
    broken = ["--without", "mark_after_copy"]
    done = tool("--quick", "--strategy", "swap_offset", "--action", "revert", "--html", str(page), *broken)
    assert done.returncode == 1
    name = next(line for line in done.stdout.splitlines() if line.startswith("swap_offset/revert/"))
    again = tool("--replay", name, *broken)
    assert again.returncode == 1 and again.stdout.strip() in done.stdout.replace("\n    ", "\n")
    assert tool("--replay", name).stdout == "no problem\n"
    text = page.read_text()
    assert name in text and "http" not in text and "src=" not in text


@pytest.mark.parametrize(
    "name", ["x", "swap_offset/test/larger/w4/used/op1/torn:none", "a/b/c/d/e/op1/after/seed0"]
)
def test_a_name_that_is_none_is_refused(name):
    done = tool("--replay", name)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_a_run_is_the_same_each_time():
    first, second = run_case(CASE, QUICK), run_case(CASE, QUICK)
    assert first == second and first.states > 100
    assert set(first.cuts) == {1, 2, 3}


def test_a_replay_makes_the_same_state():
    run = Run(CASE)
    state = run.cut(3, "torn:pages", 5)
    while (again := run.cut_by_chance(state)) and again.cuts < 3:
        state = again
    assert state.cuts > 1
    assert Run(CASE).named(state.name) == state


def test_a_cut_by_name():
    assert parse_step("op17/torn:pages/seed3") == (1, 17, "torn:pages", 3)
    assert parse_step("b2op4/before/seed0") == (2, 4, "before", 0)


def story(**changes):
    """What the judge sees after a cut that did no harm, but for `changes` of each boot."""
    run = Run(CASE)
    state = run.cut(1, "after", 0)
    boots = [seen._replace(**changes) for seen in run.settle(state)]
    return judge.Story(run.device, boots, 1, False)


def test_the_judge_sees():
    assert judge.problems("test", story()) == []
    assert "nothing approved" in judge.problems("test", story(runs=""))[0]
    assert "way back is lost" in judge.problems("test", story(state=b"\xff" * 512 * 20, trial=True))[0]
    assert any("boots on trial" in text for text in judge.problems("test", story(trial=True)))
    assert "ends with" in judge.problems("test", story(runs="new"))[0]
    unsettled = story()
    assert "come to rest" in judge.problems("test", unsettled._replace(boots=unsettled.boots[:-1]))[0]


def test_an_image_that_differs_in_one_bit_is_not_the_image():
    run = Run(CASE)
    image = run.device.images["old"]
    for bit in (0, 8 * len(image) // 2, 8 * len(image) - 1):
        damaged = bytearray(image)
        damaged[bit // 8] ^= 1 << bit % 8
        assert run.device.at(bytes(damaged), 0) == ""
    assert run.device.at(image, 0) == "old"


def test_the_table_adds_up():
    results = [run_case(CASE, QUICK), run_case(CASE._replace(action="confirm"), QUICK)]
    rows = report.lines(results)
    assert [row.action for row in rows] == ["test", "confirm"]
    assert f"{sum(row.states for row in rows):,} cut states" in report.text(results, 1)
