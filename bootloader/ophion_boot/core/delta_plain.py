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
    """Read a decision that is 1 with the probability p / 65536."""
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


def decode(_s, first: int, st, t, w, c, inp, old, out, mode: int, count: int, choose=_choose) -> int:  # type: ignore[no-untyped-def]
    """Decode by `mode`: 0 follow, 1 literals, else one symbol of `count` bits with the weights of `mode`.

    `st` are the registers of `core.delta_model`, `t` the counters, `w` the weights, `c` the constants.
    Follow: at most `count` bytes from `old` to `out`, kept or substituted, until the number of kept ones
    reaches register 29 or another event comes, which is returned (else 0); with `first` 2 an event comes
    first. Literals: at most `count` into `out`, beside the byte of `old`. Both move registers 20 and 21, and
    stop when register 2 is above 4.
    """
    kind = mode + first
    while True:
        if mode > 1:
            weights, bits = 4 * mode, count
        else:
            weights, bits = _CONTEXTS[kind](st, old[st[20]], old[st[20] - 1])
        node = 1
        while not node >> bits:
            node = node * 2 + _decision(st, t, w, c, weights, node, choose, inp)
        if mode > 1:
            return node - (1 << bits)
        if kind == 0 and node & 1:
            kind = 2
            continue
        if kind == 2:
            st[27] = node & 3
            st[23] = st[23] << 1 & 255
            st[22] = st[24] = 0
            if node & 3:
                return node & 3
            kind = 3
            continue
        if kind == 1:
            st[26] = st[25]
            st[25] = out[st[21]] = node & 255
        else:
            out[st[21]] = old[st[20]] + (node & 255 if kind else 0) & 255
            st[20] += 1
            if kind:
                st[28] = node & 255
                kind = 0
            else:
                st[22] += 1
                st[23] = st[23] << 1 & 255 | 1
        st[21] += 1
        count -= 1
        if not count or st[2] > st[4] or st[22] == st[29]:
            return 0


def _flag(st, here: int, before: int) -> tuple:  # type: ignore[no-untyped-def]
    """Set the contexts of a flag; returns the place of its weights and its bits."""
    since, seen = st[22], st[23]
    near = since if since < 8 else min(15, 6 + (since >> 2))
    st[5] = 0x3A9 + (near | st[24] << 4 | st[27] << 5) * 0x2C35
    st[6] = 0x20F0 + (here | (seen & 3) << 8) * 0x1F0D
    st[7] = 0x3E37 + (before | (seen & 1) << 8) * 0x2B6B
    st[8] = 0x5B7E + (seen & 31 | st[27] << 8) * 0x137D
    return 4 * (min(since, 4) + st[24]), 1


def _literal(st, here: int, _before: int) -> tuple:  # type: ignore[no-untyped-def]
    st[5] = 0xEA4
    st[6] = 0x2BEB + st[25] * 0x1F0D
    st[7] = 0x4932 + st[26] * 0x2B6B
    st[8] = 0x6679 + here * 0x137D
    return 32, 8


def _event(st, _here: int, before: int) -> tuple:  # type: ignore[no-untyped-def]
    last = st[27]
    st[5] = 0x752 + last * 0x2C35
    st[6] = 0x2499 + before * 0x1F0D
    st[7] = 0x41E0 + (min(st[22], 15) | last << 4) * 0x2B6B
    st[8] = 0x5F27 + (last << 4 | st[23] & 15) * 0x137D
    return 24, 2


def _substitute(st, here: int, before: int) -> tuple:  # type: ignore[no-untyped-def]
    st[5] = 0xAFB
    st[6] = 0x2842 + st[28] * 0x1F0D
    st[7] = 0x4589 + here * 0x2B6B
    st[8] = 0x62D0 + before * 0x137D
    return 28, 8


_CONTEXTS = (_flag, _literal, _event, _substitute)


def _decision(st, t, w, c, weights: int, node: int, choose, inp) -> int:  # type: ignore[no-untyped-def]
    """Predict one decision from four counters, read it, and learn."""
    mask = st[3]
    node *= 0x6255
    places = []
    known = []
    dot = 0
    for i in range(4):
        place = (st[5 + i] + node) & mask
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
    for i in range(4):
        x = w[weights + i] + ((known[i] * error + 16384) >> 15)
        w[weights + i] = x & 0xFFFF
        x = t[places[i]] ^ 0x8000
        n = x & 15
        x -= n
        if bit:
            x += ((65535 - x) * c[768 + n]) >> 8
        else:
            x -= (x * c[768 + n]) >> 8
        t[places[i]] = (x & 0xFFF0 | (n + 1 if n < 6 else 6)) ^ 0x8000
    return 1 if bit else 0
