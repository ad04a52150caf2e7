"""Differential fuzzing of ophion_boot.crypto against `cryptography` and `ecdsa`.

Stops at the first differences with seed and case. A seed makes the same cases again, but for RSA keys.
"""

import argparse
import ast
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in ("bootloader", "tests/shared", "tools/fuzz"):
    sys.path.insert(0, str(ROOT / folder))

import crypto_cases  # noqa: E402
import crypto_oracles  # noqa: E402

Run = Callable[[list[list[bytes]]], tuple[int, list[tuple]]]


def on_qemu(cases: list[list[bytes]]) -> tuple[int, list[tuple]]:
    """`crypto_cases.run` on QEMU's RV32, where the field machine runs (see `source_of`)."""
    sys.path.append(str(ROOT / "tools"))
    from qemu import rig

    folder = ROOT / "bootloader" / "ophion_boot"
    files = {f"ophion_boot/{name}": folder / name for name in ("__init__.py", "compat.py", "crypto")}
    files["crypto_cases.py"] = ROOT / "tests/shared/crypto_cases.py"
    program = (
        "import crypto_cases\nwith open('/rom/cases', 'rb') as f:\n    data = f.read()\n"
        "print(crypto_cases.run(crypto_cases.unpack(data)))"
    )
    content = {**files, "cases": crypto_cases.pack(cases)}
    count, wrong = ast.literal_eval(rig.run(program, content, heap_kb=2048, timeout_s=600, icount=False))
    return count, wrong


def source_of(name: str, seed: int, run: Run) -> Iterator[list[bytes]]:
    """The cases of a seed. QEMU's firmware has no `cryptolib`, the AES core of chips: no AES there."""
    source = crypto_oracles.FUZZERS[name](random.Random(seed))
    return (case for case in source if case[0] != b"aes" or run is not on_qemu)


def fuzz(
    name: str, seed: int, seconds: float = 0, cases: int = 0, run: Run = crypto_cases.run, batch: int = 20
) -> int:
    """Run one fuzzer for a time or a number of cases; the number run. AssertionError on a difference.

    `run` takes `batch` cases at a time: `crypto_cases.run` here, or `on_qemu`.
    """
    source = source_of(name, seed, run)
    end = time.monotonic() + seconds
    done = 0
    while done < cases or time.monotonic() < end:
        made = list(itertools.islice(source, batch))
        count, wrong = run(made)
        if wrong:
            shown = [(w, [field.hex() for field in made[w[0]]]) for w in wrong]
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
    parser.add_argument("--qemu", action="store_true", help="run the cases on QEMU's RV32 (tools/qemu)")
    args = parser.parse_args(argv)
    how = {"run": on_qemu, "batch": 100} if args.qemu else {}
    seed = time.time_ns() if args.seed is None else args.seed
    for name in args.only or crypto_oracles.FUZZERS:
        left, count = args.seconds, 0
        while left > 0:
            count += fuzz(name, seed, seconds=min(left, 60), **how)
            left -= 60
            seed += 1
        sys.stdout.write(f"{name}: {count} cases, no difference, last seed {seed - 1}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
