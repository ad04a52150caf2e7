"""Schedules with combs: for tables of known keys, and for P-256.

The tables `base` and `key` of a schedule (`scalars`) are signed combs of 7 teeth, 37 apart (Lim and Lee
1994; all digits +1 or -1 as in Hamburg 2012), 64 entries: entry i is 2^222 P plus, for each tooth t below 6,
2^(37 t) P or its negative, as bit t of i is 1 or 0. `base` belongs to the curve's generator, `key` to a known
public key. P-256's generator has its odd multiples 1, 3, ... 255, too, for signed digits of 9 bits: they take
the place of `base`.
"""

from ophion_boot.compat import const
from ophion_boot.crypto.scalars import (
    ADD_BASE,
    ADD_KEY,
    ADD_WINDOW,
    DOUBLE,
    SUB_BASE,
    SUB_WINDOW,
    signed_digits,
    steps_of,
)

ODD_ENTRIES = 128
TEETH = 7
SPACING = 37

_SPACING = const(37)
_ODD_BITS = const(9)
_BITS = const(259)  # teeth times spacing
_ALL_PLUS = (1 << 259) - 1
_LOWEST_BITS = ((1 << 296) - 1) // 255


def comb_digits(k: int, order: int) -> bytes:
    """The 37 columns of 0 <= k < order < 2^257 (order odd), highest first: tooth t is bit t."""
    if not k & 1:
        k += order
    # A digit of text is a byte: its lowest bit is the digit, and 37 of them are one row of teeth.
    text = bin(k + _ALL_PLUS >> 1 | 1 << _BITS).encode()
    columns = 0
    for at in range(3, 3 + _BITS, _SPACING):
        columns = (columns << 1) + (int.from_bytes(text[at : at + _SPACING], "big") & _LOWEST_BITS)
    return columns.to_bytes(_SPACING, "big")


def schedule(
    windows: list[int] | tuple,
    order: int,
    base: int | None = None,
    key: int | None = None,
    odd_base: int | None = None,
) -> bytearray:
    """Steps that sum each of `windows` times its point, `base` times the generator, `key` times the key.

    `odd_base` stands for `base` where the doublings are there anyway: it takes the odd multiples. It and the
    windows may be negative; the others are in 0 ... order - 1.
    """
    events = []
    for point, n in enumerate(windows):
        events += signed_digits(n, 5, ADD_WINDOW << 8 | 8 * point, SUB_WINDOW << 8 | 8 * point)
    if odd_base is not None:
        events += signed_digits(odd_base, _ODD_BITS, ADD_BASE << 8, SUB_BASE << 8)
    for step, k in ((ADD_BASE, base), (ADD_KEY, key)):
        if k is not None:
            place = _SPACING << 16 | step << 8
            for teeth in comb_digits(k, order):
                place -= 1 << 16
                events.append(place + (teeth - 64 if teeth & 64 else 256 + 63 - teeth))
    return steps_of(events)


def regular_schedule(k: int) -> bytearray:
    """Steps for odd `k` < 2^256 times one point whose kind and number are the same for every `k`.

    64 digits of 4 bits, all odd (Joye and Tunstall 2009); the entries that are read do depend on `k`.
    """
    steps = bytearray()
    bits = (k >> 1 | 1 << 255).to_bytes(33, "little")
    for at in range(252, -4, -4):
        value = bits[at >> 3] >> (at & 7) & 15
        if steps:
            steps.append(DOUBLE)
            steps.append(4)
        negative = value < 8
        steps.append(ADD_WINDOW + negative)
        steps.append(7 - value if negative else value - 8)
    return steps
