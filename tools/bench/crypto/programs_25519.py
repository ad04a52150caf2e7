"""Programs for curve25519: Edwards points, and the ladder of X25519. Kinds are places in PROGRAMS."""

from programs import ADD, LOAD, MUL, NORM, SQR, SUB, TIMES_121665, TIMES_W, Program, entry

# Elements. A point is X, Y, Z, E, H as in `edwards`; ZERO is never written.
X, Y, Z, E, H, F, G, A, B, C = range(10)
T0, T1, T2, D2, ZERO, KEPT, U = range(10, 17)


def products() -> Program:
    return [(MUL, X, E, F), (MUL, Y, G, H), (MUL, Z, F, G)]


def add(negative: bool, high: int, low: int, t2: int, z2: int) -> Program:
    if negative:
        high, low = low, high
    difference, total = (G, F) if negative else (F, G)
    double_z = [(MUL, T0, Z, z2)] if z2 else [(ADD, T0, Z, Z), (NORM, T0, T0)]
    return (
        double_z
        + [
            (MUL, C, E, H),
            (MUL, C, C, t2),
            (SUB, A, Y, X),
            (MUL, A, A, low),
            (ADD, B, Y, X),
            (MUL, B, B, high),
            (SUB, E, B, A),
            (SUB, difference, T0, C),
            (ADD, total, T0, C),
            (ADD, H, B, A),
        ]
        + products()
    )


def add_window(negative: bool) -> Program:
    return add(negative, entry(0), entry(1), entry(2), entry(3))


def add_table(negative: bool, table: int) -> Program:
    # The registers that `add` itself uses only later hold the entry.
    loads = [(LOAD, T1, table, 0), (LOAD, T2, table, 1), (LOAD, F, table, 2)]
    return loads + add(negative, T1, T2, F, 0)


def double_point() -> Program:
    return [
        (SQR, A, X),
        (SQR, B, Y),
        (ADD, C, X, Y),
        (SQR, C, C),
        (SQR, F, Z),
        (ADD, F, F, F),
        (ADD, H, A, B),
        (SUB, E, H, C),
        (SUB, G, A, B),
        (ADD, F, F, G),
        (NORM, F, F),
    ] + products()


def load_point() -> Program:
    return [
        (LOAD, X, 2, 0),
        (LOAD, Y, 2, 1),
        (LOAD, Z, 2, 2),
        (LOAD, E, 2, 0),
        (LOAD, H, 2, 1),
        (NORM, X, X),
        (NORM, Y, Y),
    ]


def cache_point() -> Program:
    return [
        (ADD, entry(0), Y, X),
        (SUB, entry(1), Y, X),
        (MUL, C, E, H),
        (MUL, entry(2), C, D2),
        (ADD, entry(3), Z, Z),
    ]


def swaps() -> Program:
    # w is 1 to exchange X with Z and Y with E, 0 to leave them: the same instructions for both.
    return [
        (SUB, A, X, Z),
        (TIMES_W, A, A),
        (SUB, X, X, A),
        (ADD, Z, Z, A),
        (SUB, A, Y, E),
        (TIMES_W, A, A),
        (SUB, Y, Y, A),
        (ADD, E, E, A),
    ]


def ladder_step() -> Program:
    # RFC 7748, 5: x2, z2, x3, z3 are X, Y, Z, E here.
    return swaps() + [
        (ADD, A, X, Y),
        (SUB, B, X, Y),
        (ADD, C, Z, E),
        (SUB, F, Z, E),
        (MUL, F, F, A),
        (MUL, C, C, B),
        (SQR, A, A),
        (SQR, B, B),
        (ADD, Z, F, C),
        (SQR, Z, Z),
        (SUB, E, F, C),
        (SQR, E, E),
        (MUL, E, E, U),
        (MUL, X, A, B),
        (SUB, B, A, B),
        (TIMES_121665, C, B),
        (NORM, C, C),
        (ADD, C, A, C),
        (MUL, Y, B, C),
    ]


PROGRAMS: list[Program] = [
    double_point(),
    add_window(False),
    add_window(True),
    add_table(False, 0),
    add_table(True, 0),
    add_table(False, 1),
    add_table(True, 1),
    load_point(),
    cache_point(),
    [(LOAD, D2, 2, 0)],
    [(SQR, X, X)],
    [(ADD, entry(0), X, ZERO)],
    [(MUL, X, X, entry(0))],
    ladder_step(),
    [(LOAD, X, 2, 2), (LOAD, Z, 2, 0), (LOAD, E, 2, 2), (LOAD, U, 2, 0)],
    swaps() + [(ADD, KEPT, X, ZERO), (ADD, X, Y, ZERO)],
    [(MUL, X, X, KEPT)],
]

# Kinds, and z^(2^252 - 3) for z in X as steps; the entries keep z, z^2, z^9, and z^(2^n - 1).
SQUARE, SAVE, TIMES = 10, 11, 12
POWER = bytes(
    (SAVE, 0, SQUARE, 1, SAVE, 1, SQUARE, 2, TIMES, 0, SAVE, 2, TIMES, 1, SQUARE, 1, TIMES, 2)
    + (SAVE, 3, SQUARE, 5, TIMES, 3, SAVE, 4, SQUARE, 10, TIMES, 4, SAVE, 5, SQUARE, 20, TIMES, 5)
    + (SQUARE, 10, TIMES, 4, SAVE, 5, SQUARE, 50, TIMES, 5, SAVE, 6, SQUARE, 100, TIMES, 6)
    + (SQUARE, 50, TIMES, 5, SQUARE, 2, TIMES, 0)
)
