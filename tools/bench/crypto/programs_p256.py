"""Programs for P-256. Kinds are places in PROGRAMS."""

from programs import ADD, LOAD, MUL, NORM, SQR, SUB, Program, entry

# Elements; X, Y, Z times R = 2^260 modulo p (Montgomery's form). ZERO is never written.
X, Y, Z, A, B, C, D, E, F, G = range(10)
R2, R1, ONE, ZERO, KEPT = range(10, 15)


def double_point() -> Program:
    return [
        (SQR, D, Z),
        (SUB, A, X, D),
        (ADD, B, X, D),
        (MUL, A, A, B),
        (ADD, B, A, A),
        (ADD, A, A, B),
        (NORM, A, A),  # 3 (X - Z^2) (X + Z^2)
        (SQR, D, Y),
        (MUL, B, X, D),
        (ADD, Y, Y, Y),
        (MUL, Z, Y, Z),
        (ADD, B, B, B),
        (ADD, B, B, B),  # 4 X Y^2
        (SQR, X, A),
        (SUB, X, X, B),
        (SUB, X, X, B),
        (NORM, X, X),
        (SUB, B, B, X),
        (MUL, Y, A, B),
        (ADD, D, D, D),
        (SQR, D, D),
        (SUB, Y, Y, D),
        (SUB, Y, Y, D),
        (NORM, Y, Y),
    ]


def total(negative: bool) -> Program:
    """From U1 in X, S1 in Y, U2 in A and S2 in B to X and Y of the sum, and H in A."""
    return [
        (SUB, A, A, X),
        (ADD if negative else SUB, B, B, Y),
        (SQR, C, A),
        (MUL, D, X, C),
        (MUL, C, C, A),
        (SQR, X, B),
        (SUB, X, X, C),
        (SUB, X, X, D),
        (SUB, X, X, D),
        (NORM, X, X),
        # With the sign of S2 that of r changes, and here r is taken positive.
        (SUB, D, X, D) if negative else (SUB, D, D, X),
        (MUL, D, B, D),
        (MUL, C, Y, C),
        (SUB, Y, D, C),
        (NORM, Y, Y),
    ]


def add_window(negative: bool) -> Program:
    start = [
        (SQR, C, Z),
        (MUL, A, entry(0), C),
        (MUL, C, Z, C),
        (MUL, B, entry(1), C),
        (MUL, X, X, entry(3)),
        (MUL, Y, Y, entry(4)),
    ]
    return start + total(negative) + [(MUL, Z, Z, entry(2)), (MUL, Z, Z, A)]


def add_table(negative: bool, table: int) -> Program:
    # The entry is not in Montgomery's form: Z^2 gets one more R instead.
    start = [
        (LOAD, E, table, 0),
        (LOAD, F, table, 1),
        (SQR, C, Z),
        (MUL, C, C, R2),
        (MUL, A, E, C),
        (MUL, C, Z, C),
        (MUL, B, F, C),
    ]
    return start + total(negative) + [(MUL, Z, Z, A)]


def set_window(negative: bool) -> Program:
    return [
        (ADD, X, entry(0), ZERO),
        (SUB, Y, ZERO, entry(1)) if negative else (ADD, Y, entry(1), ZERO),
        (ADD, Z, entry(2), ZERO),
    ]


def set_table(negative: bool, table: int) -> Program:
    program = [
        (LOAD, E, table, 0),
        (LOAD, F, table, 1),
        (MUL, X, E, R2),
        (MUL, Y, F, R2),
        (ADD, Z, R1, ZERO),
    ]
    if negative:
        program.append((SUB, Y, ZERO, Y))
    return program


def cache_point() -> Program:
    return [
        (ADD, entry(0), X, ZERO),
        (ADD, entry(1), Y, ZERO),
        (ADD, entry(2), Z, ZERO),
        (SQR, entry(3), Z),
        (MUL, entry(4), Z, entry(3)),
    ]


PROGRAMS: list[Program] = [
    double_point(),
    add_window(False),
    add_window(True),
    add_table(False, 0),
    add_table(True, 0),
    add_table(False, 1),
    add_table(True, 1),
    set_window(False),
    set_window(True),
    set_table(False, 0),
    set_table(True, 0),
    set_table(False, 1),
    set_table(True, 1),
    set_table(False, 2),
    cache_point(),
    [(LOAD, R2, 2, 0), (LOAD, R1, 2, 1)],
    [(LOAD, ONE, 2, 0), (MUL, X, X, ONE), (MUL, Y, Y, ONE), (MUL, Z, Z, ONE)],
    [(SQR, X, X)],
    [(ADD, entry(0), X, ZERO)],
    [(MUL, X, X, entry(0))],
    [(ADD, KEPT, X, ZERO), (ADD, X, Z, ZERO)],
    [(SQR, X, X), (MUL, X, X, KEPT)],
]

# Kinds, and 1/z = z^(p - 2) for z in X as steps: p - 2 has 32 ones, 31 zeros and a one, 96 zeros, 94 ones,
# 01.
SQUARE, SAVE, TIMES = 17, 18, 19
POWER = bytes(
    (SAVE, 0, SQUARE, 1, TIMES, 0, SAVE, 1, SQUARE, 1, TIMES, 0, SAVE, 2, SQUARE, 3, TIMES, 2)
    + (SAVE, 3, SQUARE, 6, TIMES, 3, SQUARE, 3, TIMES, 2, SAVE, 4, SQUARE, 15, TIMES, 4, SAVE, 5)
    + (SQUARE, 2, TIMES, 1, SAVE, 6, SQUARE, 32, TIMES, 0, SQUARE, 128, TIMES, 6, SQUARE, 32)
    + (TIMES, 6, SQUARE, 30, TIMES, 5, SQUARE, 2, TIMES, 0)
)
