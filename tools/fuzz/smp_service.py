"""Fuzzing of the SMP service: hostile requests and fragments, on CPython and on MicroPython.

The device's own Inbox, Session and groups run over a flash in memory (tests/shared/smp_cases.py). Stops at
the first crash, leak or change of the running image, with the seed that makes it again.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in ("bootloader", "host/ophion/sim/device", "tests/shared"):
    sys.path.insert(0, str(ROOT / folder))
# The model of the flash; the stand-ins for built-in modules beside it are not wanted here.
import nor  # noqa: E402, F401

sys.path.remove(str(ROOT / "host/ophion/sim/device"))

import smp_cases  # noqa: E402

ROUNDS = 500
"""Rounds of one seed: a device is new with each."""
_PROGRAM = ROOT / "tests" / "device" / "fuzz_smp.py"


def on_cpython(seed: int, rounds: int = ROUNDS) -> int:
    """The number of requests of one seed. Raises what the device raised, or AssertionError."""
    fuzz = smp_cases.Fuzz(seed)
    fuzz.run(rounds)
    return fuzz.requests


def on_micropython(seed: int, rounds: int = ROUNDS) -> int:
    """The same on MicroPython, where the heap is measured too. Raises AssertionError with what it printed."""
    words = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=4M", str(_PROGRAM), str(ROOT)]
    done = subprocess.run(
        [*words, str(seed), str(rounds)],
        env={**os.environ, "OPHION_ROOT": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode or not done.stdout.startswith("requests "):
        raise AssertionError(f"seed {seed} on MicroPython:\n{done.stdout}{done.stderr}")
    return int(done.stdout.split()[1])


RUNTIMES = {"cpython": on_cpython, "micropython": on_micropython}


def fuzz(name: str, seed: int, seconds: float) -> tuple[int, int]:
    """(seeds, requests) of `seconds` on one runtime, at least one seed."""
    end = time.monotonic() + seconds
    seeds = requests = 0
    while not seeds or time.monotonic() < end:
        try:
            requests += RUNTIMES[name](seed + seeds)
        except BaseException:
            sys.stderr.write(f"{name}, seed {seed + seeds}: {requests} requests before it\n")
            raise
        seeds += 1
    return seeds, requests


def main(argv: list[str] | None = None) -> int:
    """Run each runtime in turn."""
    parser = argparse.ArgumentParser(prog="fuzz/smp_service", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each runtime (60)")
    parser.add_argument("--only", action="append", choices=RUNTIMES, help="only this one")
    parser.add_argument("--seed", type=int, help="the first seed; without it from the clock")
    args = parser.parse_args(argv)
    seed = time.time_ns() if args.seed is None else args.seed
    for name in args.only or RUNTIMES:
        seeds, requests = fuzz(name, seed, args.seconds)
        sys.stdout.write(
            f"{name}: {requests} requests in {seeds} seeds from {seed} on, no crash, no change of the image\n"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
