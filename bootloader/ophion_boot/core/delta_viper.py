"""The symbols of a delta patch in viper; `delta_plain` says what each function does."""
# ruff: noqa: F821
# mypy: ignore-errors

import micropython


def table(size: int):
    """`size` counters."""
    return bytearray(2 * size)


@micropython.viper
def clear(counters):
    """`counters`, as they are at the start of a segment."""
    p = ptr16(counters)
    i = int(len(counters)) >> 1
    while i:
        i -= 1
        p[i] = 0
    return counters


@micropython.viper
def decode(
    st: ptr32, t: ptr16, w: ptr16, c: ptr8, inp: ptr8, old: ptr8, out: ptr8, mode: int, count: int
) -> int:
    """Decode by `mode`: see `delta_plain.decode`. One function, because a call costs more than a decision."""
    done = 0
    weights = 5 * mode
    bits = count
    at = st[16]
    code = uint(st[0])
    size = uint(st[1])
    while True:
        if mode == 0:
            here = old[at]
            before = old[at - 1]
            x = st[17]
            n = st[18]
            weights = 5 * ((x if x < 4 else 4) + st[19])
            if x > 7:
                x = 6 + (x >> 2)
                if x > 15:
                    x = 15
            st[5] = 0x3A9 + (x | st[19] << 4 | st[23] << 5) * 0x2C35
            st[6] = 0x20F0 + (here << 8 | before) * 0x1F0D
            st[7] = 0x3E37 + (here | (n & 3) << 8) * 0x2B6B
            st[8] = 0x5B7E + (before | (n & 1) << 8) * 0x137D
            st[9] = 0x78C5 + (n & 31 | st[23] << 8) * 0x361F
            bits = 1
        elif mode == 1:
            st[5] = 0xEA4
            st[6] = 0x2BEB + st[20] * 0x1F0D
            st[7] = 0x4932 + (st[20] | st[21] << 8) * 0x2B6B
            st[8] = 0x6679 + st[21] * 0x137D
            st[9] = 0x83C0 + old[0] * 0x361F
            weights = 40
            bits = 8
        node = 1
        while not node >> bits:
            dot = 0
            i = 0
            while i < 5:
                x = (st[5 + i] + node * 0x6255) & st[3]
                st[10 + i] = x
                p = (t[x] ^ 0x8000) >> 4
                x = p if p < 2048 else 4095 - p
                x = c[x if x < 128 else 128 + (x >> 4)]
                if p < 2048:
                    x = 0 - x
                st[24 + i] = x + 256
                dot += (w[weights + i] - 32768) * x
                i += 1
            dot >>= 12
            x = dot if dot >= 0 else 0 - dot
            if x > 255:
                x = 255
            p = c[256 + 2 * x] | c[257 + 2 * x] << 8
            if dot >= 0:
                p = 65536 - p
            bound = (size >> 16) * uint(p)
            bit = 0
            if code < bound:
                size = bound
                bit = 1
                p -= 65536
            else:
                code -= bound
                size -= bound
            while size < uint(0x1000000):
                size <<= 8
                code = code << 8 | uint(inp[st[2]])
                st[2] += 1
            i = 0
            while i < 5:
                x = w[weights + i] + ((16384 - (st[24 + i] - 256) * p) >> 15)
                w[weights + i] = 0 if x < 0 else (x if x < 65535 else 65535)
                x = t[st[10 + i]] ^ 0x8000
                n = x & 15
                x &= 0xFFF0
                if bit:
                    x += ((65535 - x) * c[768 + n]) >> 8
                else:
                    x -= (x * c[768 + n]) >> 8
                t[st[10 + i]] = (x & 0xFFF0 | (n + 1 if n < 6 else 6)) ^ 0x8000
                i += 1
            node = node << 1 | bit
        at += 1
        if mode == 1:
            out[at - 1] = node
            st[21] = st[20]
            st[20] = node & 255
        elif mode == 0 and not node & 1:
            st[17] += 1
            st[18] = st[18] << 1 & 255 | 1
        else:
            st[22] = 1
            break
        done += 1
        if done == count or st[2] > st[4]:
            break
    st[0] = int(code)
    st[1] = int(size)
    return done if mode < 2 else node - (1 << bits)
