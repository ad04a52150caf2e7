"""The symbols of a delta patch in viper; `delta_plain` says what each function does.

One function, because a call costs more than a decision. The first two variables of a viper function live in
registers: that is what its first two arguments are for.
"""
# ruff: noqa: F821, E701, E702
# fmt: off
# mypy: ignore-errors

import micropython


def table(size: int):
    """`size` counters."""
    return bytearray(2 * size)


@micropython.viper
def clear(counters):
    """`counters`, as they are at the start of a segment."""
    p = ptr32(counters)
    i = int(len(counters)) >> 2  # noqa: RUF046
    while i:
        i -= 1
        p[i] = 0
    return counters


@micropython.viper
def decode(s: ptr32, x: int, st: ptr32, t: ptr16, w: ptr16, c: ptr8, inp: ptr8, old: ptr8, out: ptr8,
           mode: int, count: int) -> int:
    """See `delta_plain.decode`; `s` is anything."""
    kind = mode + x; bits = count; weights = 8 * mode; result = 0; at = st[20]; put = st[21]
    code = uint(st[0]); size = uint(st[1])
    while True:
        if mode < 2:
            here = old[at]; before = old[at - 1]; x = st[22]; n = st[23]; last = st[27]
            if kind == 0:
                bits = 1
                weights = 8 * ((x if x < 4 else 4) + st[24])
                if x > 7: x = 6 + (x >> 2) if x < 36 else 15
                st[5] = 0x3A9 + (x | st[24] << 4 | last << 5) * 0x2C35
                st[6] = 0x20F0 + (here | (n & 3) << 8) * 0x1F0D
                st[7] = 0x3E37 + (before | (n & 1) << 8) * 0x2B6B
                st[8] = 0x5B7E + (n & 31 | last << 8) * 0x137D
            elif kind == 1:
                bits = 8; weights = 64
                st[5] = 0xEA4; st[6] = 0x2BEB + st[25] * 0x1F0D
                st[7] = 0x4932 + st[26] * 0x2B6B; st[8] = 0x6679 + here * 0x137D
            elif kind == 2:
                bits = 2; weights = 48
                st[5] = 0x752 + last * 0x2C35; st[6] = 0x2499 + before * 0x1F0D
                st[7] = 0x41E0 + ((x if x < 15 else 15) | last << 4) * 0x2B6B
                st[8] = 0x5F27 + (last << 4 | n & 15) * 0x137D
            else:
                bits = 8; weights = 56
                st[5] = 0xAFB; st[6] = 0x2842 + st[28] * 0x1F0D
                st[7] = 0x4589 + here * 0x2B6B; st[8] = 0x62D0 + before * 0x137D
        node = 1
        while not node >> bits:
            dot = 0; total = 0; n = node * 0x6255; s = ptr32(int(st) + 20); q = ptr16(int(w) + weights)
            while int(s) < int(st) + 36:
                x = (s[0] + n) & st[3]
                s[4] = x; x = int(t[x])
                if x & 0x8000:
                    x = (x ^ 0x8000) >> 4; x = 0 - c[x if x < 128 else 128 + (x >> 4)]
                else:
                    x = 2047 - (x >> 4); x = int(c[x if x < 128 else 128 + (x >> 4)])
                s[8] = x + 256; total += x; dot += q[0] * x
                q = ptr16(int(q) + 2); s = ptr32(int(s) + 4)
            x = (dot - (total << 15)) >> 12
            if x < 0:
                x = 256 - 2 * (x if x > -255 else -255); n = c[x] | c[x + 1] << 8
            else:
                x = 256 + 2 * (x if x < 255 else 255); n = 65536 - (c[x] | c[x + 1] << 8)
            bound = (size >> 16) * uint(n)
            bit = int(code < bound)
            if bit: size = bound; n -= 65536
            else: code -= bound; size -= bound
            while size < uint(0x1000000):
                size <<= 8; code = code << 8 | uint(inp[st[2]]); st[2] += 1
            s = ptr32(int(st) + 20); q = ptr16(int(w) + weights); total = 16384 + 256 * n
            while int(s) < int(st) + 36:
                q[0] = q[0] + ((total - s[8] * n) >> 15)
                x = int(t[s[4]]) ^ 0x8000; k = x & 15; x -= k
                if bit: x += ((65535 - x) * c[768 + k]) >> 8
                else: x -= (x * c[768 + k]) >> 8
                t[s[4]] = (x & -16 | (k + 1 if k < 6 else 6)) ^ 0x8000
                q = ptr16(int(q) + 2); s = ptr32(int(s) + 4)
            node = node << 1 | bit
        if mode > 1: result = node - (1 << bits); break
        if kind == 0 and bit: kind = 2; continue
        if kind == 2:
            result = node & 3
            st[27] = result; st[23] = st[23] << 1 & 255; st[22] = 0; st[24] = 0
            if result: break
            kind = 3; continue
        if kind == 1:
            out[put] = node; st[26] = st[25]; st[25] = node & 255
        else:
            x = old[at]; at += 1
            if kind: x += node; st[28] = node & 255; kind = 0
            else: st[22] += 1; st[23] = st[23] << 1 & 255 | 1
            out[put] = x
        put += 1
        count -= 1
        if count == 0 or st[2] > st[4] or st[22] == st[29]: break
    st[0] = int(code); st[1] = int(size); st[20] = at; st[21] = put
    return result
