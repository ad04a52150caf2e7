"""One seed of the SMP fuzzer on MicroPython: `micropython fuzz_smp.py ROOT SEED ROUNDS`.

Prints the number of requests, and what the heap grew by after the first half.
"""

import sys

root, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.path[:0] = [root + "/bootloader", root + "/host/ophion/sim/device", root + "/tests/shared"]
# The model of the flash; the stand-ins for built-in modules are not wanted here.
import nor  # noqa: E402, F401

sys.path.remove(root + "/host/ophion/sim/device")
# What is imported when the first patch comes is no leak.
import ophion_boot.core.delta  # noqa: E402
import ophion_boot.core.delta_packed  # noqa: E402, F401
from smp_cases import Fuzz, allocated  # noqa: E402

LEAK_MAX = 8192

fuzz = Fuzz(seed)
fuzz.run(rounds // 2)
before = allocated()
fuzz.run(rounds - rounds // 2)
grown = allocated() - before
assert grown < LEAK_MAX, "the heap grew by %d bytes" % grown
print("requests", fuzz.requests, "grown", grown)
