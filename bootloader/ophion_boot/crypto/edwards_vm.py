"""Arithmetic of curve25519 on the field machine: the functions of `edwards` and `montgomery`.

Importing it fails where the machine cannot run; then the others serve.
"""

from ophion_boot.compat import const
from ophion_boot.crypto.edwards import D2, P
from ophion_boot.crypto.machine import ADD, LOAD, MUL, NORM, SQR, SUB, TIMES_121665, TIMES_W, Machine, entry

# Elements. A point is X, Y, Z, E, H as in `edwards`; ZERO is never written.
_X, _Y, _Z, _E, _H, _F, _G, _A, _B, _C = range(10)
_T0, _T1, _T2, _D2, _ZERO, _KEPT, _U = range(10, 17)
# Kinds of steps besides those of `scalars`.
_POINT = const(7)
_CACHE = const(8)
_D2_LOAD = const(9)
_SQUARE = const(10)
_SAVE = const(11)
_TIMES = const(12)
_LADDER = const(13)
_LADDER_LOAD = const(14)
_LADDER_END = const(15)
_TIMES_KEPT = const(16)


def _products() -> list:
    return [(MUL, _X, _E, _F), (MUL, _Y, _G, _H), (MUL, _Z, _F, _G)]


def _add(negative: bool, high: int, low: int, t2: int, z2: int) -> list:
    if negative:
        high, low = low, high
    difference, total = (_G, _F) if negative else (_F, _G)
    double_z = [(MUL, _T0, _Z, z2)] if z2 else [(ADD, _T0, _Z, _Z), (NORM, _T0, _T0)]
    return (
        double_z
        + [
            (MUL, _C, _E, _H),
            (MUL, _C, _C, t2),
            (SUB, _A, _Y, _X),
            (MUL, _A, _A, low),
            (ADD, _B, _Y, _X),
            (MUL, _B, _B, high),
            (SUB, _E, _B, _A),
            (SUB, difference, _T0, _C),
            (ADD, total, _T0, _C),
            (ADD, _H, _B, _A),
        ]
        + _products()
    )


def _add_window(negative: bool) -> list:
    return _add(negative, entry(0), entry(1), entry(2), entry(3))


def _add_table(negative: bool, table: int) -> list:
    # The registers that `_add` itself uses only later hold the entry.
    loads = [(LOAD, _T1, table, 0), (LOAD, _T2, table, 1), (LOAD, _F, table, 2)]
    return loads + _add(negative, _T1, _T2, _F, 0)


def _double_point() -> list:
    return [
        (SQR, _A, _X),
        (SQR, _B, _Y),
        (ADD, _C, _X, _Y),
        (SQR, _C, _C),
        (SQR, _F, _Z),
        (ADD, _F, _F, _F),
        (ADD, _H, _A, _B),
        (SUB, _E, _H, _C),
        (SUB, _G, _A, _B),
        (ADD, _F, _F, _G),
        (NORM, _F, _F),
    ] + _products()


def _load_point() -> list:
    return [
        (LOAD, _X, 2, 0),
        (LOAD, _Y, 2, 1),
        (LOAD, _Z, 2, 2),
        (LOAD, _E, 2, 0),
        (LOAD, _H, 2, 1),
        (NORM, _X, _X),
        (NORM, _Y, _Y),
    ]


def _cache_point() -> list:
    return [
        (ADD, entry(0), _Y, _X),
        (SUB, entry(1), _Y, _X),
        (MUL, _C, _E, _H),
        (MUL, entry(2), _C, _D2),
        (ADD, entry(3), _Z, _Z),
    ]


def _swaps() -> list:
    # w is 1 to exchange X with Z and Y with E, 0 to leave them: the same instructions for both.
    return [
        (SUB, _A, _X, _Z),
        (TIMES_W, _A, _A),
        (SUB, _X, _X, _A),
        (ADD, _Z, _Z, _A),
        (SUB, _A, _Y, _E),
        (TIMES_W, _A, _A),
        (SUB, _Y, _Y, _A),
        (ADD, _E, _E, _A),
    ]


def _ladder_step() -> list:
    # RFC 7748, 5: x2, z2, x3, z3 are X, Y, Z, E here.
    return _swaps() + [
        (ADD, _A, _X, _Y),
        (SUB, _B, _X, _Y),
        (ADD, _C, _Z, _E),
        (SUB, _F, _Z, _E),
        (MUL, _F, _F, _A),
        (MUL, _C, _C, _B),
        (SQR, _A, _A),
        (SQR, _B, _B),
        (ADD, _Z, _F, _C),
        (SQR, _Z, _Z),
        (SUB, _E, _F, _C),
        (SQR, _E, _E),
        (MUL, _E, _E, _U),
        (MUL, _X, _A, _B),
        (SUB, _B, _A, _B),
        (TIMES_121665, _C, _B),
        (NORM, _C, _C),
        (ADD, _C, _A, _C),
        (MUL, _Y, _B, _C),
    ]


_machine = Machine(
    [
        _double_point(),
        _add_window(False),
        _add_window(True),
        _add_table(False, 0),
        _add_table(True, 0),
        _add_table(False, 1),
        _add_table(True, 1),
        _load_point(),
        _cache_point(),
        [(LOAD, _D2, 2, 0)],
        [(SQR, _X, _X)],
        [(ADD, entry(0), _X, _ZERO)],
        [(MUL, _X, _X, entry(0))],
        _ladder_step(),
        [(LOAD, _X, 2, 2), (LOAD, _Z, 2, 0), (LOAD, _E, 2, 2), (LOAD, _U, 2, 0)],
        _swaps() + [(ADD, _KEPT, _X, _ZERO), (ADD, _X, _Y, _ZERO)],
        [(MUL, _X, _X, _KEPT)],
    ],
    4,
    96,
    False,
    _SQUARE,
)

# z^(2^252 - 3) for z in X: pairs of steps; the entries keep z, z^2, z^9, and z^(2^n - 1).
_POWER = bytes(
    (_SAVE, 0, _SQUARE, 1, _SAVE, 1, _SQUARE, 2, _TIMES, 0, _SAVE, 2, _TIMES, 1, _SQUARE, 1, _TIMES, 2)
    + (_SAVE, 3, _SQUARE, 5, _TIMES, 3, _SAVE, 4, _SQUARE, 10, _TIMES, 4, _SAVE, 5, _SQUARE, 20, _TIMES, 5)
    + (_SQUARE, 10, _TIMES, 4, _SAVE, 5, _SQUARE, 50, _TIMES, 5, _SAVE, 6, _SQUARE, 100, _TIMES, 6)
    + (_SQUARE, 50, _TIMES, 5, _SQUARE, 2, _TIMES, 0)
)
# The inverse of z is (z^(2^252 - 3))^8 z^3.
_INVERT = _POWER + bytes((_SQUARE, 3, _TIMES, 0, _TIMES, 0, _TIMES, 0, _TIMES_KEPT, 0))


def power(z: int) -> int:
    """See `edwards.power`."""
    return _machine.run(bytes((_POINT, 0)) + _POWER, 7, [z, 0, 0], (_X,))[0] % P


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
    return _machine.run(bytes(steps) + _INVERT, 7, [u, 0, 1], (_X,))[0] % P
