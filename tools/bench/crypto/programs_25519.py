"""Programs for curve25519: Edwards points, and the ladder of X25519. Kinds are places in PROGRAMS."""

from programs import ADD, LOAD, MUL, NORM, SQR, SUB, TIMES_121665, TIMES_W, Program, entry

# Elements. A point is X, Y, Z, E, H as in `edwards`; ZERO is never written.
_X, _Y, _Z, _E, _H, _F, _G, _A, _B, _C = range(10)
_T0, _T1, _T2, _D2, _ZERO, _KEPT, _U = range(10, 17)


def _products() -> Program:
    return [(MUL, _X, _E, _F), (MUL, _Y, _G, _H), (MUL, _Z, _F, _G)]


def _add(negative: bool, high: int, low: int, t2: int, z2: int) -> Program:
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


def _add_window(negative: bool) -> Program:
    return _add(negative, entry(0), entry(1), entry(2), entry(3))


def _add_table(negative: bool, table: int) -> Program:
    # The registers that `_add` itself uses only later hold the entry.
    loads = [(LOAD, _T1, table, 0), (LOAD, _T2, table, 1), (LOAD, _F, table, 2)]
    return loads + _add(negative, _T1, _T2, _F, 0)


def _double_point() -> Program:
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


def _load_point() -> Program:
    return [
        (LOAD, _X, 2, 0),
        (LOAD, _Y, 2, 1),
        (LOAD, _Z, 2, 2),
        (LOAD, _E, 2, 0),
        (LOAD, _H, 2, 1),
        (NORM, _X, _X),
        (NORM, _Y, _Y),
    ]


def _cache_point() -> Program:
    return [
        (ADD, entry(0), _Y, _X),
        (SUB, entry(1), _Y, _X),
        (MUL, _C, _E, _H),
        (MUL, entry(2), _C, _D2),
        (ADD, entry(3), _Z, _Z),
    ]


def _swaps() -> Program:
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


def _ladder_step() -> Program:
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


PROGRAMS: list[Program] = [
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
]

# Kinds, and z^(2^252 - 3) for z in X as steps; the entries keep z, z^2, z^9, and z^(2^n - 1).
_SQUARE, _SAVE, _TIMES = 10, 11, 12
POWER = bytes(
    (_SAVE, 0, _SQUARE, 1, _SAVE, 1, _SQUARE, 2, _TIMES, 0, _SAVE, 2, _TIMES, 1, _SQUARE, 1, _TIMES, 2)
    + (_SAVE, 3, _SQUARE, 5, _TIMES, 3, _SAVE, 4, _SQUARE, 10, _TIMES, 4, _SAVE, 5, _SQUARE, 20, _TIMES, 5)
    + (_SQUARE, 10, _TIMES, 4, _SAVE, 5, _SQUARE, 50, _TIMES, 5, _SAVE, 6, _SQUARE, 100, _TIMES, 6)
    + (_SQUARE, 50, _TIMES, 5, _SQUARE, 2, _TIMES, 0)
)
