"""Arithmetic of P-256 on the field machine: the functions `product` and `shared_x` of `weierstrass`.

Importing it fails where the machine cannot run; then `weierstrass` serves. The addition is incomplete: when
it meets equal or opposite points, or the neutral element, Z stays 0 from there on. Then the long
way is taken, so a wrong answer is not possible.
"""

from ophion_boot.compat import const
from ophion_boot.crypto import weierstrass
from ophion_boot.crypto.field_p256 import CODE, POWER, run
from ophion_boot.crypto.machine import Machine
from ophion_boot.crypto.scalars import DOUBLE
from ophion_boot.crypto.weierstrass import P

# Elements (tools/bench/crypto/programs_p256.py).
_X = const(0)
_Y = const(1)
_Z = const(2)
# Kinds of steps besides those of `scalars`: the first step is a set, not an addition.
_SET = const(6)  # plus the kind of the addition: 7 ... 12
_POINT = const(13)
_CACHE = const(14)
_CONSTANTS = const(15)
_OUT = const(16)
_SQUARE = const(17)
_KEEP_X = const(20)
_AFFINE = const(21)

_machine = Machine(run, CODE, 5, 64, _SQUARE)


def _inputs(points: list | tuple) -> list[int]:
    inputs = [2**520 % P, 2**260 % P, 1, 0]
    for x, y in points:
        inputs += (x, y)
    return inputs


def _prepare(points: list | tuple) -> bytearray:
    """Steps that load the constants and make 1, 3, ... 15 times each point."""
    first = bytearray((_CONSTANTS, 0))
    place = 0
    for i in range(len(points)):
        load = bytes((_POINT, 2 + i))
        first += load + bytes((_CACHE, place, DOUBLE, 1, _CACHE, 16)) + load
        for _ in range(7):
            place += 1
            first += bytes((1, 16, _CACHE, place))
        place += 1
    return first


def product(
    steps: bytes | bytearray,
    points: list | tuple,
    base: bytes | memoryview,
    key: bytes | memoryview | None = None,
) -> tuple[int, int, int]:
    """See `weierstrass.product`; Z is also 0 when an addition met an exceptional case."""
    first = _prepare(points)
    start = len(first)
    first += steps
    first[start] += _SET
    first += bytes((_OUT, 1))
    numbers = _machine.run(first, 17 if points else 0, _inputs(points), (_X, _Y, _Z), base, key or b"")
    x, y, z = [n % P for n in numbers]
    return x, y, z


def shared_x(steps: bytes | bytearray, point: tuple[int, int]) -> int:
    """x of the sum that `steps` makes of multiples of `point`; see `weierstrass.shared_x`.

    The same steps lead to the same instructions for all values, the inversion included.
    """
    first = _prepare((point,))
    start = len(first)
    first += steps
    first[start] += _SET
    first += bytes((_KEEP_X, 0)) + POWER + bytes((_AFFINE, 0, _OUT, 1))
    x, z = _machine.run(first, 17, _inputs((point,)), (_X, _Z))
    if z % P:
        return x % P
    # The last addition doubled: that is so for n - 2 (from the private keys 2 and n - 2) alone.
    return weierstrass.shared_x(steps, point)
