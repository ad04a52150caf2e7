"""Differential fuzzing of ophion_boot.crypto against `cryptography` and `ecdsa`.

Stops at the first differences with seed and case. A seed makes the same cases again, but for RSA keys.
"""

import argparse
import itertools
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in ("bootloader", "tests/shared", "tools/fuzz"):
    sys.path.insert(0, str(ROOT / folder))

import crypto_cases  # noqa: E402
import crypto_oracles  # noqa: E402


def fuzz(name: str, seed: int, seconds: float = 0, cases: int = 0) -> int:
    """Run one fuzzer for a time or a number of cases; the number run. AssertionError on a difference."""
    source = crypto_oracles.FUZZERS[name](random.Random(seed))
    end = time.monotonic() + seconds
    done = 0
    while done < cases or time.monotonic() < end:
        batch = list(itertools.islice(source, 20))
        count, wrong = crypto_cases.run(batch)
        if wrong:
            shown = [(w, [field.hex() for field in batch[w[0]]]) for w in wrong]
            raise AssertionError(f"{name}, seed {seed}, after {done} cases: {shown}")
        done += count
    return done


def main(argv: list[str] | None = None) -> int:
    """Run the fuzzers in turn, a new seed each minute; 1 when something differed."""
    parser = argparse.ArgumentParser(prog="fuzz/crypto", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each fuzzer (60)")
    parser.add_argument(
        "--only", action="append", choices=crypto_oracles.FUZZERS, help="only this one (again: more)"
    )
    parser.add_argument("--seed", type=int, help="the first seed; without it from the clock")
    args = parser.parse_args(argv)
    seed = time.time_ns() if args.seed is None else args.seed
    for name in args.only or crypto_oracles.FUZZERS:
        left, count = args.seconds, 0
        while left > 0:
            count += fuzz(name, seed, seconds=min(left, 60))
            left -= 60
            seed += 1
        sys.stdout.write(f"{name}: {count} cases, no difference, last seed {seed - 1}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
