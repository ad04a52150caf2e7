"""The compression function of SHA-512 in viper, for 32-bit firmware: a 64-bit word is two, high first."""
# ruff: noqa: F821
# mypy: ignore-errors

import micropython

import ophion_boot.crypto.word32  # noqa: F401  # fails where this cannot run


@micropython.viper
def expand(w: ptr32, data: ptr8, at: int):
    """The message schedule (160 words) of the block of `data` from `at` (FIPS 180-4, 6.4.2, step 1)."""
    i = 0
    while i < 32:
        w[i] = data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
        at += 4
        i += 1
    p = w
    end = int(w) + 512
    while int(p) < end:
        h = uint(p[28])
        l = uint(p[29])  # noqa: E741
        xh = (h >> 19 | l << 13) ^ (l >> 29 | h << 3) ^ h >> 6
        xl = (l >> 19 | h << 13) ^ (h >> 29 | l << 3) ^ (l >> 6 | h << 26)
        h = uint(p[2])
        l = uint(p[3])  # noqa: E741
        yh = (h >> 1 | l << 31) ^ (h >> 8 | l << 24) ^ h >> 7
        yl = (l >> 1 | h << 31) ^ (l >> 8 | h << 24) ^ (l >> 7 | h << 25)
        xl += yl
        xh += yh + uint(xl < yl)
        yl = uint(p[19])
        xl += yl
        xh += uint(p[18]) + uint(xl < yl)
        yl = uint(p[1])
        xl += yl
        p[33] = int(xl)
        p[32] = int(xh + uint(p[0]) + uint(xl < yl))
        p = ptr32(int(p) + 8)


@micropython.viper
def rounds(v: ptr32, w: ptr32, k: ptr8):
    """The 80 rounds on the state in v[160:176] (FIPS 180-4, 6.4.2, step 3); its new value is in v[0:16]."""
    q = ptr32(int(v) + 640)
    while int(q) != int(v):
        h = uint(q[8])
        l = uint(q[9])  # noqa: E741
        xh = (h >> 14 | l << 18) ^ (h >> 18 | l << 14) ^ (l >> 9 | h << 23)
        xl = (l >> 14 | h << 18) ^ (l >> 18 | h << 14) ^ (h >> 9 | l << 23)
        xh += uint(q[12]) ^ (h & (uint(q[10]) ^ uint(q[12])))
        yl = uint(q[13]) ^ (l & (uint(q[11]) ^ uint(q[13])))
        xl += yl
        xh += uint(xl < yl)
        yl = uint(q[15])
        xl += yl
        xh += uint(q[14]) + uint(xl < yl)
        yl = uint(w[1])
        xl += yl
        xh += uint(w[0]) + uint(xl < yl)
        yl = uint(k[4] << 24 | k[5] << 16 | k[6] << 8 | k[7])
        xl += yl
        xh += uint(k[0] << 24 | k[1] << 16 | k[2] << 8 | k[3]) + uint(xl < yl)
        yl = xl + uint(q[7])
        q[7] = int(yl)
        q[6] = int(xh + uint(q[6]) + uint(yl < xl))
        h = uint(q[0])
        l = uint(q[1])  # noqa: E741
        yl = (l >> 28 | h << 4) ^ (h >> 2 | l << 30) ^ (h >> 7 | l << 25)
        xl += yl
        xh += ((h >> 28 | l << 4) ^ (l >> 2 | h << 30) ^ (l >> 7 | h << 25)) + uint(xl < yl)
        yl = (l & uint(q[3])) | (uint(q[5]) & (l | uint(q[3])))
        xl += yl
        xh += ((h & uint(q[2])) | (uint(q[4]) & (h | uint(q[2])))) + uint(xl < yl)
        q = ptr32(int(q) - 8)
        q[0] = int(xh)
        q[1] = int(xl)
        w = ptr32(int(w) + 8)
        k = ptr8(int(k) + 8)


@micropython.viper
def add(state: ptr32, v: ptr32):
    """Add the eight words of `v` to `state` (FIPS 180-4, 6.4.2, step 4)."""
    i = 0
    while i < 16:
        low = uint(state[i + 1]) + uint(v[i + 1])
        state[i] = int(uint(state[i]) + uint(v[i]) + uint(low < uint(v[i + 1])))
        state[i + 1] = int(low)
        i += 2


def compress(state: bytearray, data: bytes, constants: bytes) -> None:
    """Take all blocks of `data` into `state` (16 words, high halves first, in the order of the machine)."""
    w = bytearray(640)
    v = bytearray(704)
    for at in range(0, len(data), 128):
        expand(w, data, at)
        v[640:] = state
        rounds(v, w, constants)
        add(state, v)
