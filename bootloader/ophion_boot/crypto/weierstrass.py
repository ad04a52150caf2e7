"""Arithmetic of P-256 on Python's long integers, for firmware without the viper emitter.

A point is (X, Y, Z) with x = X/Z^2, y = Y/Z^3 (Jacobian coordinates), Z = 0 for the neutral element.
The exceptional cases of the addition are handled, so every input gives the right sum. `p256_vm` has the
same functions for the 32-bit field machine.
"""

from ophion_boot.crypto.inverse import inverse
from ophion_boot.crypto.scalars import DOUBLE, SUB_BASE, SUB_WINDOW

P = 2**256 - 2**224 + 2**192 + 2**96 - 1


def product(
    steps: bytes | bytearray,
    points: list | tuple,
    base: bytes | memoryview,
    key: bytes | memoryview | None = None,
) -> tuple[int, int, int]:
    """Walk `steps` (see `scalars`) from the neutral element: (X, Y, Z) of the sum, below p.

    `points` are the (x, y) of the windows; `base` and `key` are comb tables, 64 bytes an entry: x and y,
    little-endian.
    """
    windows = []
    for x, y in points:
        windows += _odd_multiples(x, y)
    p = P
    x, y, z = 1, 1, 0
    i = 0
    while i < len(steps):
        kind = steps[i]
        if kind == DOUBLE:
            # Half of Y/Z^3 on the way saves doublings: with (X, Y, Z) = (4X', 8Y', 2Z') nothing changes.
            for _ in range(steps[i + 1]):
                d = z * z % p
                z = y * z % p
                y = y * y % p
                b = x * y % p
                d = (x - d) * (x + d - p) % p
                d += (d - p >> 1) if d & 1 else (d >> 1) - p
                x = (d * d - (b << 1)) % p
                y = (d * (b - x) - y * y) % p
        else:
            if kind <= SUB_WINDOW:
                u, v = windows[steps[i + 1]]
            else:
                at = steps[i + 1] << 6
                table = base if kind <= SUB_BASE or key is None else key
                u = int.from_bytes(table[at : at + 32], "little")
                v = int.from_bytes(table[at + 32 : at + 64], "little")
            x, y, z = add(x, y, z, u, v if kind & 1 else p - v)
        i += 2
    return x, y, z


def add(x: int, y: int, z: int, u: int, v: int) -> tuple[int, int, int]:
    """The sum of (x, y, z) and the affine point (u, v), which does not depend on the curve's constants."""
    p = P
    if not z:
        return u, v, 1
    s = z * z % p
    h = (u * s - x) % p
    r = (v * (s * z % p) - y) % p
    if not h:
        if r:
            return 1, 1, 0
        return _double_affine(u, v)
    s = h * h % p
    t = x * s % p
    s = s * h % p
    x = (r * r - s - (t << 1)) % p
    return x, (r * (t - x) - y * s) % p, z * h % p


def _double_affine(x: int, y: int) -> tuple[int, int, int]:
    a = 3 * (x - 1) * (x + 1) % P
    z = 2 * y
    y2 = z * y % P  # 2y^2
    b = 2 * x * y2 % P
    x = (a * a - 2 * b) % P
    return x, (a * (b - x) - 2 * y2 * y2) % P, z % P


def _odd_multiples(x: int, y: int) -> list[tuple[int, int]]:
    """1, 3, ... 15 times a point, affine.

    Each sum adds the double, and both have one Z (Meloni 2007): a sum brings its Z to the double as well. So
    each Z is the one before times a known factor, and one inversion undoes all of them.
    """
    p = P
    u, v, z = _double_affine(x, y)
    square = z * z % p
    points = [(x, y)]
    x = x * square % p
    y = square * z % p * y % p
    sums = []
    for _ in range(7):
        d = x - u
        r = y - v
        square = d * d % p
        u = u * square % p
        t = x * square % p
        x = (r * r - u - t) % p
        v = (t - u) * v % p
        y = (r * (u - x) - v) % p
        z = z * d % p
        sums.append((x, y, d))
    z = inverse(z, p)
    for x, y, d in reversed(sums):
        square = z * z % p
        points.insert(1, (x * square % p, square * z % p * y % p))
        z = z * d % p
    return points


def to_affine(points: list[tuple]) -> list[tuple[int, int]]:
    """The (x, y) of points other than the neutral element, with one inversion (Montgomery 1987)."""
    products = [1]
    for point in points:
        products.append(products[-1] * point[2] % P)
    inverted = inverse(products[-1], P)
    affine = []
    for i in range(len(points) - 1, -1, -1):
        x, y, z = points[i]
        zi = products[i] * inverted % P
        inverted = inverted * z % P
        square = zi * zi % P
        affine.append((x * square % P, y * square % P * zi % P))
    affine.reverse()
    return affine


def shared_x(steps: bytes | bytearray, point: tuple[int, int]) -> int:
    """x of the sum, not the neutral element, that `steps` makes of multiples of `point`."""
    return to_affine([product(steps, (point,), b"")])[0][0]
