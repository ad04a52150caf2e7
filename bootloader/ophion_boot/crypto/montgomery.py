"""The ladder of curve25519 (RFC 7748, 5) on Python's long integers, for firmware without the viper emitter.

It takes the same steps for every scalar, but that is all: the time of a long integer's operation depends on
its length, and its values are not erased. `ladder_vm` has the same function for the field machine.
"""

from ophion_boot.crypto.curve25519 import P
from ophion_boot.crypto.edwards import power

_M = 2**255 - 1


def ladder(k: int, u: int) -> int:
    """The u coordinate of `k` (a clamped scalar) times the point with coordinate `u` < 2^255."""
    mask = _M
    x2, z2, x3, z3 = 1, 0, u, 1
    swapped = 0
    for at in range(254, -1, -1):
        bit = k >> at & 1
        # Both orders are one indexed read: no branch depends on the scalar.
        pair = ((x2, z2), (x3, z3))
        x2, z2 = pair[swapped ^ bit]
        x3, z3 = pair[swapped ^ bit ^ 1]
        swapped = bit
        a = x2 + z2
        b = x2 - z2
        d = (x3 - z3) * a
        d = (d & mask) + 19 * (d >> 255)
        c = (x3 + z3) * b
        c = (c & mask) + 19 * (c >> 255)
        a *= a
        a = (a & mask) + 19 * (a >> 255)
        b *= b
        b = (b & mask) + 19 * (b >> 255)
        x2 = a * b
        x2 = (x2 & mask) + 19 * (x2 >> 255)
        x2 = (x2 & mask) + 19 * (x2 >> 255)
        b = a - b
        z2 = b * (a + 121665 * b)
        z2 = (z2 & mask) + 19 * (z2 >> 255)
        z2 = (z2 & mask) + 19 * (z2 >> 255)
        x3 = d + c
        x3 *= x3
        x3 = (x3 & mask) + 19 * (x3 >> 255)
        x3 = (x3 & mask) + 19 * (x3 >> 255)
        z3 = d - c
        z3 *= z3
        z3 = ((z3 & mask) + 19 * (z3 >> 255)) * u
        z3 = (z3 & mask) + 19 * (z3 >> 255)
        z3 = (z3 & mask) + 19 * (z3 >> 255)
    x2, z2 = ((x2, z2), (x3, z3))[swapped]
    # z^(p - 2) = (z^(2^252 - 3))^8 z^3
    inverse = power(z2)
    for _ in range(3):
        inverse = inverse * inverse % P
    return x2 * (inverse * z2 % P * z2 % P * z2) % P
