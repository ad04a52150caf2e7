"""Scalars and schedules of point multiplications, shared by both curves and both kinds of arithmetic.

A schedule is a sequence of byte pairs (step, index): DOUBLE `index` times, or add or subtract the entry
`index` of a table. Four sorts of table are named in it:
- windows: the odd multiples 1, 3, ... 15 of up to two points, entry 8 * point + (digit >> 1),
  for signed digits of 5 bits (width-w non-adjacent form; Moeller 2001);
- base and key: a signed comb of 7 teeth, 37 apart (Lim and Lee 1994; all digits +1 or -1 as in Hamburg
  2012), 64 entries: entry i is 2^222 P plus, for each tooth t below 6, 2^(37 t) P or its negative,
  as bit t of i is 1 or 0. `base` belongs to the curve's generator, `key` to a known public key;
- odd base: the odd multiples 1, 3, ... 255 of the generator, for signed digits of 9 bits. It takes the place
  of `base`.
"""

from ophion_boot.compat import const

DOUBLE = 0
ADD_WINDOW = 1
SUB_WINDOW = 2
ADD_BASE = 3
SUB_BASE = 4
ADD_KEY = 5
SUB_KEY = 6

ODD_ENTRIES = 128
TEETH = 7
SPACING = 37

_SPACING = const(37)
_ODD_BITS = const(9)
_BITS = const(259)  # teeth times spacing
_ALL_PLUS = (1 << 259) - 1
_LOWEST_BITS = ((1 << 296) - 1) // 255


def inverse(a: int, m: int) -> int:
    """1 / a modulo `m` for 0 < a < m without a common factor; 0 when there is one.

    Euclid's algorithm, because `pow(a, -1, m)` answers 0 on MicroPython. Its time depends on `a`. Steps are
    found from the highest 30 bits alone, and then made at once (Lehmer 1938). Whatever these bits say,
    r = ua and s = va modulo m hold, and no common factor is lost: at worst s changes its sign.
    """
    r, s, u, v = m, a, 0, 1
    shift = 0
    while r >> shift >= 1 << 30:
        shift += 15
    while s > 1:
        x = r >> shift
        while shift and x < 32768:
            shift -= 15
            x = r >> shift
        y = s >> shift
        if y < 32768:
            q, y = divmod(r, s)
            r, s = s, y
            u, v = v, u - q * v
            continue
        e, f, g, h = 1, 0, 0, 1
        while y >= 32768:
            q = x // y
            x, y = y, x - q * y
            e, g = g, e - q * g
            f, h = h, f - q * h
        r, s = e * r + f * s, g * r + h * s
        u, v = e * u + f * v, g * u + h * v
        if s < 0:
            s, v = -s, -v
    if not s:
        return 0
    return v % m


def signed_digits(n: int, width: int, plus: int, minus: int) -> list[int]:
    """The non-adjacent form of `n`, digits odd and below 2^(width - 1), as events; at most 9 bits wide.

    An event is place << 16 | step << 8 | index; `plus` and `minus` are those of the digits 1 and -1.
    """
    if n < 0:
        n, plus, minus = -n, minus, plus
    size = len("%x" % n) // 2 + 1
    data = n.to_bytes(size + 2, "little")
    size *= 8
    all_ones = (1 << width) - 1
    events = []
    carry = at = 0
    while at <= size:
        byte = at >> 3
        bits = (data[byte] | data[byte + 1] << 8) >> (at & 7)
        if (bits & 1) == carry:
            at += 1
            # At least nine bits are there, so two more can be looked at.
            if (bits >> 1 & 1) == carry:
                at += 2 if (bits >> 2 & 1) == carry else 1
            continue
        digit = (bits & all_ones) + carry
        carry = digit >> (width - 1)
        events.append(at << 16 | (minus + (all_ones + 1 - digit >> 1) if carry else plus + (digit >> 1)))
        at += width
    return events


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
    events.sort(reverse=True)
    events.append(0)
    steps = bytearray()
    above = events[0] >> 16
    for event in events:
        place = event >> 16
        if place < above:
            steps.append(DOUBLE)
            steps.append(above - place)
            above = place
        if event & 0xFF00:
            steps.append(event >> 8 & 255)
            steps.append(event & 255)
    return steps


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
