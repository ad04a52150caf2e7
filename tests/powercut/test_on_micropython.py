"""The share on MicroPython: a difference is seen, and so is a share that did not run."""

import pytest
from powercut import on_micropython
from powercut.__main__ import main, passed
from powercut.campaign import QUICK, Run, run_case
from powercut.cases import Case

CASES = [Case("swap_offset", "test", "one", "w4", "new"), Case("ab", "two_confirm", "equal", "w16", "used")]


@pytest.fixture(scope="module")
def results():
    return [run_case(case, QUICK, draw=3) for case in CASES]


def lot_of(names):
    lot = on_micropython._Lot()
    for name in names:
        lot.add(name)
    return lot


def test_states_are_drawn_from_all_cases_and_boot_the_same(results):
    names = on_micropython.draw(results, 6)
    assert len(names) == 6 and {name.split("/")[0] for name in names} == {"swap_offset", "ab"}
    assert on_micropython.check(names) == (6, [])
    assert names == on_micropython.draw([run_case(case, QUICK, draw=3) for case in CASES], 6)


def test_every_difference_is_seen(tmp_path, results):
    lot = lot_of(on_micropython.draw(results, 2))
    assert lot.boot(tmp_path) == ""
    assert lot.differences(tmp_path) == []
    flash = bytearray((tmp_path / "out.bin").read_bytes())
    flash[-1] ^= 1
    (tmp_path / "out.bin").write_bytes(flash)
    (found,) = lot.differences(tmp_path)
    assert found[1] == ["flash after the last boot differs"]


@pytest.mark.parametrize(
    "change",
    [
        {"runs": "new"},
        {"place": 512},
        {"trial": True},
        {"runtime": "new"},
        {"starts": ("new",)},
        {"ops": 99},
        {"problem": "recovery"},
        {"state": b"other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_thing_is_compared(tmp_path, results, change):
    name = on_micropython.draw(results, 1)[0]
    case, cut = on_micropython.split(name)
    run = Run(case)
    boots = run.settle(run.named(cut))
    lot = lot_of([name])
    assert lot.boot(tmp_path) == ""
    rows = on_micropython.answer(tmp_path)["boots"][0]
    assert on_micropython.differing(boots, rows) == []
    (said,) = on_micropython.differing([*boots[:-1], boots[-1]._replace(**change)], rows)
    assert said.startswith(f"boot {len(boots)}: ")


def test_a_micropython_that_fails_is_a_failure(tmp_path, results, monkeypatch):
    names = on_micropython.draw(results, 2)
    lot = lot_of(names)
    lot.given["devices"][0]["strategy"] = "none"
    said = lot.boot(tmp_path)
    assert "MicroPython did not finish" in said and "KeyError" in said
    monkeypatch.setattr(on_micropython, "_HEAP", "heapsize=64k")
    checked = on_micropython.check(names)
    assert checked.states == 0 and "and 1 more: MicroPython did not finish" in checked.failures[0][1][0]


def test_it_fails_when_nothing_was_run(results):
    good, bad = on_micropython.Checked(1, []), on_micropython.Checked(0, [("x", ["y"])])
    assert passed(results, None) and passed(results, [good])
    assert not passed(results, []) and not passed(results, [good, bad])
    assert not passed([], None) and not passed([results[0]._replace(failed=1)], [good])


def test_what_is_no_share_is_refused(capsys):
    assert main(["--without", "mark_after_copy", "--micropython", "3"]) == 2
    assert "as it is" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--micropython", "-1"])
