"""The functions of `lines` in viper: nothing is allocated, no bound is checked.

The first two variables of a viper function live in registers: that is why they are used again.
"""
# ruff: noqa: F821
# mypy: ignore-errors

import micropython


@micropython.viper
def crc16(data: ptr8, crc: int, size: int, table: ptr16) -> int:
    data = ptr8(int(data) + crc)
    end = int(data) + size
    fours = end - 3
    crc = 0
    while int(data) < fours:
        crc = crc << 8 ^ table[(crc >> 8 ^ data[0]) & 255]
        crc = crc << 8 ^ table[(crc >> 8 ^ data[1]) & 255]
        crc = crc << 8 ^ table[(crc >> 8 ^ data[2]) & 255]
        crc = crc << 8 ^ table[(crc >> 8 ^ data[3]) & 255]
        data = ptr8(int(data) + 4)
    while int(data) < end:
        crc = crc << 8 ^ table[(crc >> 8 ^ data[0]) & 255]
        data = ptr8(int(data) + 1)
    return crc & 0xFFFF


@micropython.viper
def unbase64(text: ptr8, front: int, size: int, out: ptr8, at: int, table: ptr16) -> int:
    text = ptr8(int(text) + front)
    end = int(text) + size
    out = ptr8(int(out) + at)
    at = int(out)
    if size & 3:
        return -1
    while int(text) < end:
        # Two numbers of 12 bits; what lies above says that a character is none.
        front = table[text[0]] << 6 | table[text[1]]
        back = table[text[2]] << 6 | table[text[3]]
        if (front | back) >> 12:
            if int(text) + 4 != end or front >> 12 or text[3] != 0x3D:
                return -1
            out[0] = front >> 4
            if text[2] == 0x3D:
                return int(out) + 1 - at
            if back >> 18:
                return -1
            out[1] = front << 4 | back >> 8 & 15
            return int(out) + 2 - at
        out[0] = front >> 4
        out[1] = front << 4 | back >> 8
        out[2] = back
        out = ptr8(int(out) + 3)
        text = ptr8(int(text) + 4)
    return int(out) - at


@micropython.viper
def take_line(line, size: int, body, state, table) -> int:
    text = ptr8(line)
    known = ptr32(state)
    if size < 2:
        return 0
    mark = text[0] << 8 | text[1]
    if mark == 0x0609:
        known[0] = 0
        known[1] = 0
    elif mark != 0x0414 or not known[0]:
        return 0
    if text[size - 1] == 10:
        size -= 1
    if text[size - 1] == 13:
        size -= 1
    have = known[0]
    if have + (size >> 2) * 3 > known[3]:
        return -1
    count = int(unbase64(line, 2, size - 2, body, have, table))
    if count < 0:
        return -2
    have += count
    if mark == 0x0609:
        if have < 2:
            return -3
        text = ptr8(body)
        known[1] = 2 + (text[0] << 8 | text[1])
        if known[1] < 4 or known[1] > known[2]:
            return -4
    if have > known[1]:
        return -5
    known[0] = have
    return int(have == known[1])
