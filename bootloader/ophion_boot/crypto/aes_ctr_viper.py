"""What AES-CTR does byte by byte, in viper: no allocation. For the functions see `aes_ctr_plain`.

The first two variables of a viper function live in registers: that is what the unused arguments are for.
"""
# ruff: noqa: F821
# mypy: ignore-errors

import micropython


@micropython.viper
def count_blocks(p: int, word: int, counters, low: int):
    """`low` is a multiple of 128, so that only the last byte differs from block to block."""
    p = int(ptr8(counters))
    end = p + 2048
    word = int(ptr8(p)[12]) | (low >> 16 & 255) << 8 | (low >> 8 & 255) << 16 | (low & 255) << 24
    while p < end:
        ptr32(p)[3] = word
        ptr32(p)[7] = word + 0x01000000
        ptr32(p)[11] = word + 0x02000000
        ptr32(p)[15] = word + 0x03000000
        word += 0x04000000
        p += 64


@micropython.viper
def xor(a: int, b: int, buf, at: int, pad, start: int, size: int):
    """Words where both are aligned, bytes elsewhere."""
    a = int(ptr8(buf)) + at
    b = int(ptr8(pad)) + start
    end = a + size
    if not (a | b) & 3:
        words_end = a + (size & -32)
        while a < words_end:
            ptr32(a)[0] = ptr32(b)[0] ^ ptr32(a)[0]
            ptr32(a)[1] = ptr32(b)[1] ^ ptr32(a)[1]
            ptr32(a)[2] = ptr32(b)[2] ^ ptr32(a)[2]
            ptr32(a)[3] = ptr32(b)[3] ^ ptr32(a)[3]
            ptr32(a)[4] = ptr32(b)[4] ^ ptr32(a)[4]
            ptr32(a)[5] = ptr32(b)[5] ^ ptr32(a)[5]
            ptr32(a)[6] = ptr32(b)[6] ^ ptr32(a)[6]
            ptr32(a)[7] = ptr32(b)[7] ^ ptr32(a)[7]
            a += 32
            b += 32
    while a < end:
        ptr8(a)[0] = ptr8(b)[0] ^ ptr8(a)[0]
        a += 1
        b += 1
