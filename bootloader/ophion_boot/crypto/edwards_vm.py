"""Arithmetic of curve25519 on the field machine: the functions of `edwards` and `montgomery`.

Importing it fails where the machine cannot run; then the others serve.
"""

from ophion_boot.compat import const
from ophion_boot.crypto.edwards import D2, P
from ophion_boot.crypto.edwards_code import CODE, INVERT, POWER
from ophion_boot.crypto.machine import Machine

# Elements of a point.
_X = const(0)
_Y = const(1)
_Z = const(2)
# Kinds of steps besides those of `scalars`; 11, 12 and 16 are in POWER and INVERT.
_POINT = const(7)
_CACHE = const(8)
_D2_LOAD = const(9)
_SQUARE = const(10)
_LADDER = const(13)
_LADDER_LOAD = const(14)
_LADDER_END = const(15)

_machine = Machine(CODE, 4, 96, False, _SQUARE)


def power(z: int) -> int:
    """See `edwards.power`."""
    return _machine.run(bytes((_POINT, 0)) + POWER, 7, [z, 0, 0], (_X,))[0] % P


def product(
    steps: bytes | bytearray,
    points: list | tuple,
    base: bytes | memoryview,
    key: bytes | memoryview | None = None,
) -> tuple[int, int, int]:
    """See `edwards.product`."""
    inputs = [0, 1, 1, D2, 0, 0]
    first = bytearray((_D2_LOAD, 1))
    place = 0
    for x, y in points:
        inputs += (x, y, 1)
        load = bytes((_POINT, len(inputs) // 3 - 1))
        first += load + bytes((_CACHE, place, 0, 1, _CACHE, 16)) + load
        for _ in range(7):
            place += 1
            first += bytes((1, 16, _CACHE, place))
        place += 1
    first += bytes((_POINT, 0))
    x, y, z = _machine.run(first + steps, 17 if points else 0, inputs, (_X, _Y, _Z), base, key or b"")
    return x, y, z


def ladder(k: int, u: int) -> int:
    """See `montgomery.ladder`; here the steps are the same for every `k`, in time too."""
    steps = bytearray((_LADDER_LOAD, 0))
    swaps = (k ^ k << 1).to_bytes(33, "little")
    for at in range(255, 0, -1):
        steps.append(_LADDER)
        steps.append(swaps[at >> 3] >> (at & 7) & 1)
    steps += bytes((_LADDER_END, swaps[0] & 1))
    return _machine.run(bytes(steps) + INVERT, 7, [u, 0, 1], (_X,))[0] % P
