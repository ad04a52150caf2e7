"""Programs for P-256. Kinds are places in PROGRAMS."""

from programs import ADD, LOAD, MUL, NORM, SQR, SUB, Program, entry

# Elements; X, Y, Z times R = 2^260 modulo p (Montgomery's form). ZERO is never written.
_X, _Y, _Z, _A, _B, _C, _D, _E, _F, _G = range(10)
_R2, _R1, _ONE, _ZERO, _KEPT = range(10, 15)


def _double_point() -> Program:
    return [
        (SQR, _D, _Z),
        (SUB, _A, _X, _D),
        (ADD, _B, _X, _D),
        (MUL, _A, _A, _B),
        (ADD, _B, _A, _A),
        (ADD, _A, _A, _B),
        (NORM, _A, _A),  # 3 (X - Z^2) (X + Z^2)
        (SQR, _D, _Y),
        (MUL, _B, _X, _D),
        (ADD, _Y, _Y, _Y),
        (MUL, _Z, _Y, _Z),
        (ADD, _B, _B, _B),
        (ADD, _B, _B, _B),  # 4 X Y^2
        (SQR, _X, _A),
        (SUB, _X, _X, _B),
        (SUB, _X, _X, _B),
        (NORM, _X, _X),
        (SUB, _B, _B, _X),
        (MUL, _Y, _A, _B),
        (ADD, _D, _D, _D),
        (SQR, _D, _D),
        (SUB, _Y, _Y, _D),
        (SUB, _Y, _Y, _D),
        (NORM, _Y, _Y),
    ]


def _sum(negative: bool) -> Program:
    """From U1 in X, S1 in Y, U2 in A and S2 in B to X and Y of the sum, and H in A."""
    return [
        (SUB, _A, _A, _X),
        (ADD if negative else SUB, _B, _B, _Y),
        (SQR, _C, _A),
        (MUL, _D, _X, _C),
        (MUL, _C, _C, _A),
        (SQR, _X, _B),
        (SUB, _X, _X, _C),
        (SUB, _X, _X, _D),
        (SUB, _X, _X, _D),
        (NORM, _X, _X),
        # With the sign of S2 that of r changes, and here r is taken positive.
        (SUB, _D, _X, _D) if negative else (SUB, _D, _D, _X),
        (MUL, _D, _B, _D),
        (MUL, _C, _Y, _C),
        (SUB, _Y, _D, _C),
        (NORM, _Y, _Y),
    ]


def _add_window(negative: bool) -> Program:
    start = [
        (SQR, _C, _Z),
        (MUL, _A, entry(0), _C),
        (MUL, _C, _Z, _C),
        (MUL, _B, entry(1), _C),
        (MUL, _X, _X, entry(3)),
        (MUL, _Y, _Y, entry(4)),
    ]
    return start + _sum(negative) + [(MUL, _Z, _Z, entry(2)), (MUL, _Z, _Z, _A)]


def _add_table(negative: bool, table: int) -> Program:
    # The entry is not in Montgomery's form: Z^2 gets one more R instead.
    start = [
        (LOAD, _E, table, 0),
        (LOAD, _F, table, 1),
        (SQR, _C, _Z),
        (MUL, _C, _C, _R2),
        (MUL, _A, _E, _C),
        (MUL, _C, _Z, _C),
        (MUL, _B, _F, _C),
    ]
    return start + _sum(negative) + [(MUL, _Z, _Z, _A)]


def _set_window(negative: bool) -> Program:
    return [
        (ADD, _X, entry(0), _ZERO),
        (SUB, _Y, _ZERO, entry(1)) if negative else (ADD, _Y, entry(1), _ZERO),
        (ADD, _Z, entry(2), _ZERO),
    ]


def _set_table(negative: bool, table: int) -> Program:
    program = [
        (LOAD, _E, table, 0),
        (LOAD, _F, table, 1),
        (MUL, _X, _E, _R2),
        (MUL, _Y, _F, _R2),
        (ADD, _Z, _R1, _ZERO),
    ]
    if negative:
        program.append((SUB, _Y, _ZERO, _Y))
    return program


def _cache_point() -> Program:
    return [
        (ADD, entry(0), _X, _ZERO),
        (ADD, entry(1), _Y, _ZERO),
        (ADD, entry(2), _Z, _ZERO),
        (SQR, entry(3), _Z),
        (MUL, entry(4), _Z, entry(3)),
    ]


PROGRAMS: list[Program] = [
    _double_point(),
    _add_window(False),
    _add_window(True),
    _add_table(False, 0),
    _add_table(True, 0),
    _add_table(False, 1),
    _add_table(True, 1),
    _set_window(False),
    _set_window(True),
    _set_table(False, 0),
    _set_table(True, 0),
    _set_table(False, 1),
    _set_table(True, 1),
    _set_table(False, 2),
    _cache_point(),
    [(LOAD, _R2, 2, 0), (LOAD, _R1, 2, 1)],
    [(LOAD, _ONE, 2, 0), (MUL, _X, _X, _ONE), (MUL, _Y, _Y, _ONE), (MUL, _Z, _Z, _ONE)],
    [(SQR, _X, _X)],
    [(ADD, entry(0), _X, _ZERO)],
    [(MUL, _X, _X, entry(0))],
    [(ADD, _KEPT, _X, _ZERO), (ADD, _X, _Z, _ZERO)],
    [(SQR, _X, _X), (MUL, _X, _X, _KEPT)],
]

# Kinds, and 1/z = z^(p - 2) for z in X as steps: p - 2 has 32 ones, 31 zeros and a one, 96 zeros, 94 ones,
# 01.
_SQUARE, _SAVE, _TIMES = 17, 18, 19
POWER = bytes(
    (_SAVE, 0, _SQUARE, 1, _TIMES, 0, _SAVE, 1, _SQUARE, 1, _TIMES, 0, _SAVE, 2, _SQUARE, 3, _TIMES, 2)
    + (_SAVE, 3, _SQUARE, 6, _TIMES, 3, _SQUARE, 3, _TIMES, 2, _SAVE, 4, _SQUARE, 15, _TIMES, 4, _SAVE, 5)
    + (_SQUARE, 2, _TIMES, 1, _SAVE, 6, _SQUARE, 32, _TIMES, 0, _SQUARE, 128, _TIMES, 6, _SQUARE, 32)
    + (_TIMES, 6, _SQUARE, 30, _TIMES, 5, _SQUARE, 2, _TIMES, 0)
)
