"""Arithmetic of edwards25519 on Python's long integers, for firmware without the viper emitter.

The field is 2^255 - 19: a product is reduced by folding, because the long division of MicroPython costs
twice as much. A point is (X, Y, Z, E, H) with x = X/Z, y = Y/Z, xy = EH/Z (extended coordinates of
Hisil, Wong, Carter, Dawson 2008; the formulas are complete, and EH is multiplied out only where an
addition follows). `edwards_vm` has the same three functions for the 32-bit field machine.
"""

from ophion_boot.crypto.curve25519 import D2, P
from ophion_boot.crypto.scalars import DOUBLE, SUB_BASE, SUB_WINDOW

_M = 2**255 - 1


def _squarings(x: int, count: int) -> int:
    mask = _M
    for _ in range(count):
        x = x * x
        x = (x & mask) + 19 * (x >> 255)
        x = (x & mask) + 19 * (x >> 255)
    return x


def power(z: int) -> int:
    """z^(2^252 - 3) modulo p, for square roots (RFC 8032, 5.1.3)."""
    z2 = z * z % P
    z9 = _squarings(z2, 2) * z % P
    z11 = z9 * z2 % P
    x5 = _squarings(z11, 1) * z9 % P  # z^(2^5 - 1), and so on
    x10 = _squarings(x5, 5) * x5 % P
    x20 = _squarings(x10, 10) * x10 % P
    x40 = _squarings(x20, 20) * x20 % P
    x50 = _squarings(x40, 10) * x10 % P
    x100 = _squarings(x50, 50) * x50 % P
    x200 = _squarings(x100, 100) * x100 % P
    x250 = _squarings(x200, 50) * x50 % P
    return _squarings(x250, 2) * z % P


def product(
    steps: bytes | bytearray,
    points: list | tuple,
    base: bytes | memoryview,
    key: bytes | memoryview | None = None,
) -> tuple[int, int, int]:
    """Walk `steps` (see `scalars`) from the neutral element; X, Y, Z of the sum, not reduced.

    `points` are the (x, y) of the windows; `base` and `key` are comb tables, 96 bytes an entry:
    y+x, y-x, 2dxy, little-endian.
    """
    windows = []
    for x, y in points:
        windows += _odd_multiples(x, y)
    x, y, z, e, h = 0, 1, 1, 0, 1
    mask = _M
    i = 0
    while i < len(steps):
        kind = steps[i]
        if kind != DOUBLE:
            entry = _entry(kind, steps[i + 1], windows, base, key)
        for _ in range(steps[i + 1] if kind == DOUBLE else 1):
            if kind == DOUBLE:
                a = x * x
                b = y * y
                h = a + b
                # With this sign of H, and that of F, all four products keep theirs.
                h = -(h & mask) - 19 * (h >> 255)
                b -= a
                g = (b & mask) + 19 * (b >> 255)
                a = z * z
                f = g - ((a & mask) + 19 * (a >> 255) << 1)
                a = x * y
                e = (a & mask) + 19 * (a >> 255) << 1
            else:
                e, f, g, h = _step(x, y, z, e * h, entry)
            a = e * f
            a = (a & mask) + 19 * (a >> 255)
            x = (a & mask) + 19 * (a >> 255)
            a = g * h
            a = (a & mask) + 19 * (a >> 255)
            y = (a & mask) + 19 * (a >> 255)
            a = f * g
            a = (a & mask) + 19 * (a >> 255)
            z = (a & mask) + 19 * (a >> 255)
        i += 2
    return x, y, z


def _entry(
    kind: int, index: int, windows: list, base: bytes | memoryview, key: bytes | memoryview | None
) -> tuple:
    """What a step adds: (Y+X, Y-X, 2dT, 2Z)."""
    if kind <= SUB_WINDOW:
        entry = windows[index]
    else:
        at = index * 96
        table = base if kind <= SUB_BASE or key is None else key
        high, low, t2 = [int.from_bytes(table[i : i + 32], "little") for i in (at, at + 32, at + 64)]
        entry = high, low, t2, 2
    if kind & 1:
        return entry
    return entry[1], entry[0], -entry[2], entry[3]


def _step(x: int, y: int, z: int, t: int, entry: tuple) -> tuple[int, int, int, int]:
    """E, F, G, H of the sum of (x, y, z, t) and an entry; t is not reduced."""
    high, low, t2, z2 = entry
    mask = _M
    a = (y - x) * low
    b = (y + x) * high
    t = ((t & mask) + 19 * (t >> 255)) * t2
    z *= z2
    f = z - t
    g = z + t
    e = b - a
    h = a + b
    return (
        (e & mask) + 19 * (e >> 255),
        (f & mask) + 19 * (f >> 255),
        (g & mask) + 19 * (g >> 255),
        (h & mask) + 19 * (h >> 255),
    )


def add(p: tuple, q: tuple) -> tuple:
    """The sum of two points (X, Y, Z, T)."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = p[3] * q[3] % P * D2 % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _odd_multiples(x: int, y: int) -> list[tuple]:
    """1, 3, ... 15 times an affine point, as (Y+X, Y-X, 2dT, 2Z)."""
    point = x, y, 1, x * y % P
    twice = add(point, point)
    table = []
    for _ in range(8):
        x, y, z, t = point
        table.append((y + x, y - x, t * D2 % P, 2 * z))
        point = add(point, twice)
    return table
