"""The inverse of a number modulo another one."""


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
