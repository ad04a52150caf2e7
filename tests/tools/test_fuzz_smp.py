"""`make fuzz` for SMP: it runs on both runtimes, says what it did, and finds what is planted."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fuzzer():
    spec = importlib.util.spec_from_file_location("fuzz_smp_tool", ROOT / "tools" / "fuzz" / "smp_service.py")
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path


def test_it_runs_on_both_runtimes_and_counts(fuzzer, capsys):
    assert fuzzer.main(["--seconds", "0", "--seed", "11"]) == 0
    lines = capsys.readouterr().out.splitlines()
    counts = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    assert set(counts) == {"cpython", "micropython"}
    assert min(counts.values()) > fuzzer.ROUNDS


def test_a_crash_is_told_with_its_seed(fuzzer, capsys, monkeypatch):
    def broken(seed):
        assert seed != 13, "planted"
        return 1

    monkeypatch.setitem(fuzzer.RUNTIMES, "cpython", broken)
    with pytest.raises(AssertionError, match="planted"):
        fuzzer.main(["--seconds", "60", "--seed", "12", "--only", "cpython"])
    assert "cpython, seed 13" in capsys.readouterr().err
