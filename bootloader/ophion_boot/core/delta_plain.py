"""The symbols of a delta patch, decision by decision, in plain Python (SPEC.md 12.4, 12.5).

`delta_viper` is the same for where there is a viper emitter. The host's encoder runs this one, with a
`choose` that writes decisions instead of reading them.
"""

import array


def table(size: int):  # type: ignore[no-untyped-def]
    """`size` counters."""
    return clear(array.array("H", range(size)))


def clear(counters):  # type: ignore[no-untyped-def]
    """`counters`, as they are at the start of a segment."""
    for i in range(len(counters)):
        counters[i] = 0
    return counters


def _choose(st, inp, p):  # type: ignore[no-untyped-def]
    """Read a decision that is 1 with the probability p / 65536; bytes behind the end of `inp` are 0."""
    code, size, at = st[0], st[1], st[2]
    bound = (size >> 16) * p
    bit = code < bound
    if bit:
        size = bound
    else:
        code -= bound
        size -= bound
    while size < 0x1000000:
        size <<= 8
        code = code << 8 | inp[at]
        at += 1
    st[0], st[1], st[2] = code, size, at
    return bit


def decode(st, t, w, c, inp, old, out, mode: int, count: int, choose=_choose) -> int:  # type: ignore[no-untyped-def]
    """Decode by `mode`: 0 flags, 1 literals, else one symbol of `count` bits with the weights of set `mode`.

    `st` are the registers of `core.delta_model`, `t` the counters, `w` the weights, `c` the constants.
    Flags: at most `count`, for the bytes of `old` from register 16 on; how many were 0 before a 1 (register
    22 is then 1) or the end. Literals: at most `count`, into `out` from register 16 on; how many. Both stop
    early when the input is used up to register 4.
    """
    done = 0
    weights = 5 * mode
    bits = count
    at = st[16]
    while True:
        if mode == 0:
            weights, bits = _flag(st, old[at], old[at - 1]), 1
        elif mode == 1:
            _literal(st, st[20], st[21], old[0])
            weights, bits = 40, 8
        node = 1
        while not node >> bits:
            node = node * 2 + _decision(st, t, w, c, weights, node, choose, inp)
        if mode > 1:
            return node - (1 << bits)
        at += 1
        if mode == 1:
            out[at - 1] = node & 255
            st[21] = st[20]
            st[20] = node & 255
        elif node & 1:
            st[22] = 1
            return done
        else:
            st[17] += 1
            st[18] = st[18] << 1 & 255 | 1
        done += 1
        if done == count or st[2] > st[4]:
            return done


def _flag(st, here: int, before: int) -> int:  # type: ignore[no-untyped-def]
    """Contexts of a flag; returns the place of its weights."""
    since, seen, event = st[17], st[18], st[23]
    near = since if since < 8 else min(15, 6 + (since >> 2))
    st[5] = 0x3A9 + (near | st[19] << 4 | event << 5) * 0x2C35
    st[6] = 0x20F0 + (here << 8 | before) * 0x1F0D
    st[7] = 0x3E37 + (here | (seen & 3) << 8) * 0x2B6B
    st[8] = 0x5B7E + (before | (seen & 1) << 8) * 0x137D
    st[9] = 0x78C5 + (seen & 31 | event << 8) * 0x361F
    return 5 * (min(since, 4) + st[19])


def _literal(st, last: int, second: int, here: int) -> None:  # type: ignore[no-untyped-def]
    """Contexts of a literal."""
    st[5] = 0xEA4
    st[6] = 0x2BEB + last * 0x1F0D
    st[7] = 0x4932 + (last | second << 8) * 0x2B6B
    st[8] = 0x6679 + second * 0x137D
    st[9] = 0x83C0 + here * 0x361F


def _decision(st, t, w, c, weights: int, node: int, choose, inp) -> int:  # type: ignore[no-untyped-def]
    """Predict one decision from five counters, read it, and learn."""
    mask = st[3]
    places = []
    known = []
    dot = 0
    for i in range(5):
        place = (st[5 + i] + node * 0x6255) & mask
        p = (t[place] ^ 0x8000) >> 4
        if p < 2048:
            x = -c[p if p < 128 else 128 + (p >> 4)]
        else:
            p = 4095 - p
            x = c[p if p < 128 else 128 + (p >> 4)]
        places.append(place)
        known.append(x)
        dot += (w[weights + i] - 32768) * x
    dot = max(-255, min(255, dot >> 12))
    p = 256 + 2 * abs(dot)
    p = c[p] | c[p + 1] << 8
    if dot >= 0:
        p = 65536 - p
    bit = choose(st, inp, p)
    error = (65536 if bit else 0) - p
    for i in range(5):
        x = w[weights + i] + ((known[i] * error + 16384) >> 15)
        w[weights + i] = max(0, min(65535, x))
        place = places[i]
        x = t[place] ^ 0x8000
        n = x & 15
        x &= 0xFFF0
        if bit:
            x += ((65535 - x) * c[768 + n]) >> 8
        else:
            x -= (x * c[768 + n]) >> 8
        t[place] = (x & 0xFFF0 | (n + 1 if n < 6 else 6)) ^ 0x8000
    return 1 if bit else 0
