"""The ladder of X25519 on the field machine: the function of `montgomery`.

Importing it fails where the machine cannot run; then the other serves.
"""

from ophion_boot.compat import const
from ophion_boot.crypto.curve25519 import P
from ophion_boot.crypto.edwards_vm import machine
from ophion_boot.crypto.field_25519 import POWER

# An element, and kinds of steps (tools/bench/crypto/programs_25519.py).
_X = const(0)
_SQUARE = const(10)
_TIMES = const(12)
_LADDER = const(13)
_LADDER_LOAD = const(14)
_LADDER_END = const(15)
_TIMES_KEPT = const(16)

# The inverse of z is (z^(2^252 - 3))^8 z^3.
_INVERT = POWER + bytes((_SQUARE, 3, _TIMES, 0, _TIMES, 0, _TIMES, 0, _TIMES_KEPT, 0))


def ladder(k: int, u: int) -> int:
    """See `montgomery.ladder`; here the steps are the same for every `k`, in time too."""
    steps = bytearray((_LADDER_LOAD, 0))
    swaps = (k ^ k << 1).to_bytes(33, "little")
    for at in range(255, 0, -1):
        steps.append(_LADDER)
        steps.append(swaps[at >> 3] >> (at & 7) & 1)
    steps += bytes((_LADDER_END, swaps[0] & 1))
    return machine.run(bytes(steps) + _INVERT, 7, [u, 0, 1], (_X,))[0] % P
