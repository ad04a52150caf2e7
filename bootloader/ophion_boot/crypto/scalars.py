"""Scalars and schedules of point multiplications, shared by both curves and both kinds of arithmetic.

A schedule is a sequence of byte pairs (step, index): DOUBLE `index` times, or add or subtract the entry
`index` of a table. Three sorts of table are named in it:
- windows: the odd multiples 1, 3, ... 15 of up to two points, entry 8 * point + (digit >> 1),
  for signed digits of 5 bits (width-w non-adjacent form; Moeller 2001);
- base: a table of the curve's generator;
- key: one of a known public key (`comb`).
"""

DOUBLE = 0
ADD_WINDOW = 1
SUB_WINDOW = 2
ADD_BASE = 3
SUB_BASE = 4
ADD_KEY = 5
SUB_KEY = 6


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


def steps_of(events: list[int]) -> bytearray:
    """The schedule of `events`, each place << 16 | step << 8 | index; the list is used up."""
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
