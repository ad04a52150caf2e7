"""The fuzzers for a moment (longer: `make fuzz`), and that they make both good and bad cases."""

import itertools
import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools/fuzz"), str(ROOT / "tests/shared")]

import crypto  # noqa: E402
from crypto_oracles import FUZZERS  # noqa: E402


@pytest.mark.parametrize("name", FUZZERS)
def test_no_difference(name: str) -> None:
    assert crypto.fuzz(name, seed=20, cases=80) >= 80


@pytest.mark.parametrize("name", FUZZERS)
def test_both_verdicts_occur(name: str) -> None:
    verdicts = {case[-1][:1] for case in itertools.islice(FUZZERS[name](random.Random(3)), 60)}
    assert verdicts == ({b"+"} if name == "symmetric" else {b"+", b"-"})


def test_a_difference_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(rng: random.Random):
        for case in FUZZERS["x25519"](rng):
            yield [*case[:-1], b"+" + bytes(32)]

    monkeypatch.setitem(crypto.crypto_oracles.FUZZERS, "wrong", wrong)
    with pytest.raises(AssertionError, match="wrong, seed 5, after 0 cases"):
        crypto.fuzz("wrong", seed=5, cases=1)
