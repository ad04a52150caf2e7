"""The symbols of a delta patch without viper; tools/delta_plain.py makes it of `delta_viper`."""
# ruff: noqa: E701, E702
# fmt: off
# mypy: ignore-errors

import array


def counters(size: int):
    """A table of `size` counters of 16 bits, with anything in it."""
    return array.array("H", range(size))


def clear(t, size: int):
    """The `size` counters as they are at the beginning of a segment."""
    while size:
        size -= 1
        t[size] = 0


def decode(x: int, k: int, st, t, c, inp, old, out) -> int:
    """Decode until register 6 is what register 7 is, or register 2 above register 3, and return 0.

    Or until an event that is not for here: 3 unknown, 4 a run, 5 a move, with its number in register 12.
    `x` and `k` are anything, `t` are the counters, `c` the constants. Registers `st`: 0 code, 1 range,
    2 place in `inp`, 4 mask of the counters, 5 place in `old`, 6 place in `out`, 8 since, 9 seen, 10 the last
    substitute, 11 last; 13 to 21 are for here, from 24 on are the weights.
    """
    kind = value = count = result = 0; code = st[0]; size = st[1]
    while result == 0:
        here = old[st[5]]; before = old[st[5] - 1]; since = st[8]; seen = st[9]; last = st[11]; bits = 8
        if kind == 0:
            if st[6] == st[7] or st[2] > st[3]: break
            if since == 32: kind = 4
        if kind == 0:
            bits = 1; x = (since if since < 16 else 15 if since < 33 else 16) | last << 5
            here |= (seen & 3) << 8; before |= (seen & 1) << 8
        elif kind == 1: bits = 2; x = 0; here = before; before = last << 4 | seen & 15
        elif kind == 2: x = st[10]
        elif kind == 3: x = 0; here = out[st[6] - 1 & 1023]; before = out[st[6] - 2 & 1023]
        else: x = count; here = last; before = value & 127 | count << 7
        k = kind * 0x3A9; st[13] = k + x * 0x2C35
        st[14] = k + 0x1D47 + here * 0x1F0D; st[15] = k + 0x3A8E + before * 0x2B6B
        node = 1; weights = kind * 3 + 24
        while node >> bits == 0:
            total = x = 0
            while x < 3:
                k = st[13 + x] + node * 0x6255 & st[4]; st[16 + x] = k; k = t[k]
                if k & 0x8000: k = (k ^ 0x8000) >> 4; k = 256 - c[k if k < 64 else 64 + (k >> 5)]
                else: k = 2047 - (k >> 4); k = 256 + c[k if k < 64 else 64 + (k >> 5)]
                st[19 + x] = k; total += (st[weights + x] - 32768) * (k - 256); x += 1
            # What is learnt from: 16384 for a 1, less the probability of a 1.
            x = total >> 12; k = x if x >= 0 else 0 - x
            if k > 287: k = 287
            error = (64 - (k & 31)) * 128 >> (k >> 5); error = 0 - error if x < 0 else error - 16384
            bound = (size >> 14) * (0 - error); node <<= 1
            if code < bound: size = bound; error += 16384; node |= 1
            else: code -= bound; size -= bound
            while size < 0x400000: size <<= 8; code = (code << 8 | inp[st[2]]) & 0x3FFFFFFF; st[2] += 1
            x = 0
            while x < 3:
                k = weights + x; st[k] = st[k] + ((st[19 + x] - 256) * error + 4096 >> 13) & 0xFFFF
                k = st[16 + x]; total = t[k] ^ 0x8000; bound = total & 15; total -= bound
                if node & 1: total += (65535 - total) * c[128 + bound] >> 8
                else: total -= total * c[128 + bound] >> 8
                t[k] = (total & 0xFFF0 | (bound + 1 if bound < 6 else 6)) ^ 0x8000; x += 1
        node -= 1 << bits
        if kind == 0:
            if node: kind = 0 if last == 1 else 1; st[11] = 3 if last == 1 else last
            elif last == 1: kind = 3
            else:
                out[st[6]] = here & 255; st[5] += 1; st[6] += 1; st[8] = since + 1
                st[9] = seen << 1 & 255 | 1
        elif kind == 1:
            st[8] = 0; st[9] = seen << 1 & 255; st[11] = node; kind = node + 2 if node < 2 else 5
            if node == 3: result = 3
        elif kind < 4:
            if kind == 2: st[10] = node; node += here; st[5] += 1
            out[st[6]] = node & 255; st[6] += 1; kind = 0
        else:
            value = value << 7 | node & 127; count += 1
            if node < 128 or count == 4: result = kind
    st[12] = value; st[0] = code; st[1] = size
    if result == 4: st[8] = 33; st[9] = 255
    return result
