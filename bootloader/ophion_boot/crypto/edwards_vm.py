"""Arithmetic of edwards25519 on the field machine: the functions of `edwards`.

Importing it fails where the machine cannot run; then the others serve.
"""

from ophion_boot.compat import const
from ophion_boot.crypto.curve25519 import D2, P
from ophion_boot.crypto.field_25519 import CODE, POWER, run
from ophion_boot.crypto.machine import Machine

# Elements, and kinds of steps besides those of `scalars` (tools/bench/crypto/programs_25519.py).
_X = const(0)
_Y = const(1)
_Z = const(2)
_POINT = const(7)
_CACHE = const(8)
_D2_LOAD = const(9)
_SQUARE = const(10)

machine = Machine(run, CODE, 4, 96, _SQUARE)


def power(z: int) -> int:
    """See `edwards.power`."""
    return machine.run(bytes((_POINT, 0)) + POWER, 7, [z, 0, 0], (_X,))[0] % P


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
    x, y, z = machine.run(first + steps, 17 if points else 0, inputs, (_X, _Y, _Z), base, key or b"")
    return x, y, z
