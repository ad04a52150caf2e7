"""Fuzzing of delta patches: damaged and made-up ones through the device's decoder, some of them sealed.

Each case must end in the image, or in one of the decoder's own errors, without a read outside of the old
image or a byte more than the new one has. A seed makes the same cases again. `--micropython` runs them on
the Unix port, where the decoder is viper: a crash there is a write outside of a buffer.
"""

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
for folder in ("bootloader", "host", "tests/shared"):
    sys.path.insert(0, str(ROOT / folder))
# Appended: the simulator's stand-ins must not hide the standard library.
sys.path.append(str(ROOT / "host/ophion/sim/device"))

import delta_cases  # noqa: E402
from ophion.delta import make_patch  # noqa: E402
from ophion_boot.fmt.delta import HEADER_BYTES, make_header  # noqa: E402
from ophion_boot.fmt.wrapped import RECIPIENTS, X25519, blob_bytes  # noqa: E402
from sealed_maker import make_sealed  # noqa: E402

Case = tuple[bytes, bytes, int]
"""Old image, patch, bytes fed at a time."""


def images(chance: random.Random) -> tuple[bytes, bytes]:
    """A small pair of images that have something to do with each other."""
    words = [chance.randbytes(chance.randint(1, 9)) for _ in range(40)]
    old = b"".join(chance.choices(words, k=chance.randint(0, 700)))
    new = bytearray(old)
    for _ in range(chance.randint(0, 30)):
        at = chance.randint(0, len(new))
        new[at : at + chance.randint(0, 40)] = b"".join(chance.choices(words, k=chance.randint(0, 6)))
    return old, bytes(new) or b"\0"


def damage(patch: bytes, chance: random.Random) -> bytes:
    """`patch` with a few changes behind its header, and now and then in it."""
    data = bytearray(patch)
    for _ in range(chance.choice((1, 1, 1, 2, 5, 40))):
        at = chance.randrange(0 if chance.random() < 0.05 else HEADER_BYTES, len(data))
        kind = chance.randrange(5)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            data[at:at] = chance.randbytes(chance.randint(1, 8))
        elif kind == 3 and len(data) > HEADER_BYTES + 8:
            del data[at : at + chance.randint(1, 8)]
        else:
            data[at:] = chance.randbytes(len(data) - at)
    return bytes(data)


def made_up(old: bytes, chance: random.Random) -> bytes:
    """A good header before segments of noise, runs of one byte, or both."""
    digest = hashlib.sha256(old).digest()
    new_size = chance.choice((1, 15, 4096, chance.randint(1, 20000)))
    data = make_header(chance.choice((12, 13)), len(old), digest, new_size, digest).pack()
    for _ in range(chance.randint(1, 3)):
        size = chance.randint(1, 1500)
        noise = bytes([chance.randrange(256)]) * size if chance.random() < 0.4 else chance.randbytes(size)
        data += size.to_bytes(2, "little") + chance.choice((0, 0, 1, 2)).to_bytes(2, "little") + noise
    return data


def seal(patch: bytes, chance: random.Random) -> bytes:
    """`patch`, sealed for nobody in particular."""
    value = chance.randbytes(blob_bytes(X25519, 16))
    wrapped = X25519, value
    if chance.random() < 0.3:
        wrapped = RECIPIENTS, b"".join(bytes(8 * (n,)) + bytes((X25519,)) + value for n in range(16))
    return make_sealed(patch, delta_cases.CONTENT, wrapped, (32, 1000), None, chance.randbytes(7) + b"n")


def sealed_cases(patch: bytes, old: bytes, chance: random.Random) -> list[Case]:
    """A few sealed patches: damaged before they were sealed, damaged afterwards, cut anywhere."""
    good = seal(patch, chance)
    found = [good, good[: chance.randrange(len(good))], seal(damage(patch, chance), chance)]
    for _ in range(3):
        bad = bytearray(good)
        bad[chance.randrange(4, 40)] = chance.choice((0, 1, 32, 127, 255))
        found += [bytes(bad), damage(good, chance)]
    return [(old, data, chance.choice((1, 7, 64, 1500))) for data in found]


def cases(chance: random.Random, count: int) -> list[Case]:
    """`count` cases; a pair of images has several."""
    made: list[Case] = []
    while len(made) < count:
        old, new = images(chance)
        # A patch without an old image is of another kind.
        old = old if chance.random() < 0.8 else b""
        patch = make_patch(old, new, small=chance.random() < 0.5, segment_bytes=chance.choice((200, 16384)))
        made.append((old, patch, chance.choice((1, 7, 64, 500))))
        for _ in range(12):
            made.append((old, damage(patch, chance), chance.choice((1, 7, 64, 500))))
        for _ in range(4):
            made.append((old, made_up(old, chance), chance.choice((1, 7, 64, 500))))
        made += sealed_cases(patch, old, chance)
    return made[:count]


def here(made: list[Case]) -> Counter[str]:
    """Run the cases on CPython."""
    return Counter(delta_cases.run(*case) for case in made)


def on_micropython(made: list[Case]) -> Counter[str]:
    """Run the cases on MicroPython's Unix port. Raises CalledProcessError when that dies."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases"
        path.write_bytes(delta_cases.pack(made))
        command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=2M"]
        command += [str(ROOT / "tests/shared/delta_cases.py"), str(ROOT), str(path)]
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=600)
        if done.returncode or "Traceback" in done.stdout:
            raise AssertionError(f"status {done.returncode}: {done.stdout}{done.stderr}")
        return Counter({line.split(" ", 1)[1]: int(line.split(" ")[0]) for line in done.stdout.splitlines()})


def main(argv: list[str] | None = None) -> int:
    """Run cases for a time; prints how they ended."""
    parser = argparse.ArgumentParser(prog="fuzz/delta", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batches", type=int, help="so many batches of 170 cases, instead of a time")
    parser.add_argument("--seed", type=int, help="the first seed; without it from the clock")
    parser.add_argument("--micropython", action="store_true", help="run the cases on the Unix port")
    args = parser.parse_args(argv)
    seed = time.time_ns() if args.seed is None else args.seed
    end = time.monotonic() + args.seconds
    total: Counter[str] = Counter()
    first = seed
    while seed - first < args.batches if args.batches else time.monotonic() < end:
        try:
            total += (on_micropython if args.micropython else here)(cases(random.Random(seed), 170))
        except BaseException:
            sys.stdout.write(f"seed {seed}\n")
            raise
        seed += 1
    for ending, count in total.most_common():
        sys.stdout.write(f"{count} {ending}\n")
    sys.stdout.write(f"{total.total()} cases, seeds {first} to {seed - 1}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
