"""The functions of `quick` in viper: nothing is allocated, no bound is checked.

The first two variables of a viper function live in registers: that is why they are used again. It all runs
on 64-bit firmware, too, where a loaded word has lost its sign.
"""
# ruff: noqa: F821
# mypy: ignore-errors

import micropython


@micropython.viper
def copy(to: ptr8, source: ptr8, at: int, start: int, size: int):
    to = ptr8(int(to) + at)
    source = ptr8(int(source) + start)
    end = int(to) + (size & -8)
    last = int(to) + size
    if not (int(to) | int(source)) & 3:
        words = int(to) + (size & -32)
        while int(to) < words:
            ptr32(to)[0] = ptr32(source)[0]
            ptr32(to)[1] = ptr32(source)[1]
            ptr32(to)[2] = ptr32(source)[2]
            ptr32(to)[3] = ptr32(source)[3]
            ptr32(to)[4] = ptr32(source)[4]
            ptr32(to)[5] = ptr32(source)[5]
            ptr32(to)[6] = ptr32(source)[6]
            ptr32(to)[7] = ptr32(source)[7]
            to = ptr8(int(to) + 32)
            source = ptr8(int(source) + 32)
    while int(to) < end:
        to[0] = source[0]
        to[1] = source[1]
        to[2] = source[2]
        to[3] = source[3]
        to[4] = source[4]
        to[5] = source[5]
        to[6] = source[6]
        to[7] = source[7]
        to = ptr8(int(to) + 8)
        source = ptr8(int(source) + 8)
    while int(to) < last:
        to[0] = source[0]
        to = ptr8(int(to) + 1)
        source = ptr8(int(source) + 1)


@micropython.viper
def blank(buf: ptr8, size: int) -> bool:
    end = int(buf) + (size & -32)
    last = int(buf) + size
    size = -1
    while int(buf) < end:
        size &= ptr32(buf)[0] & ptr32(buf)[1] & ptr32(buf)[2] & ptr32(buf)[3]
        size &= ptr32(buf)[4] & ptr32(buf)[5] & ptr32(buf)[6] & ptr32(buf)[7]
        buf = ptr8(int(buf) + 32)
    while int(buf) < last:
        size &= ptr32(buf)[0]
        buf = ptr8(int(buf) + 4)
    return size & (size >> 16) & 0xFFFF == 0xFFFF


@micropython.viper
def find_chunk(packet: ptr8, value: int, found) -> int:
    base = int(packet)
    end = base + value
    # A write of group 1, command 1, in a version that is known, as long as it says.
    if value < 9 or packet[0] & 0xF7 != 2 or (packet[2] << 8 | packet[3]) != value - 8:
        return 0
    if packet[4] or packet[5] != 1 or packet[7] != 1:
        return 0
    pairs = int(packet[8])
    if pairs != 0xA2 and pairs != 0xBF:
        return 0
    packet = ptr8(base + 9)
    off = -1
    data = 0
    length = -1
    left = 2
    while left:
        left -= 1
        if end - int(packet) < 5:
            return 0
        text = int(packet[0] == 0x64)
        if text:
            if packet[1] != 0x64 or packet[2] != 0x61 or packet[3] != 0x74 or packet[4] != 0x61:
                return 0
            packet = ptr8(int(packet) + 5)
            if int(packet) >= end:
                return 0
            value = packet[0] - 0x40
        else:
            if packet[0] != 0x63 or packet[1] != 0x6F or packet[2] != 0x66 or packet[3] != 0x66:
                return 0
            packet = ptr8(int(packet) + 4)
            value = packet[0]
        packet = ptr8(int(packet) + 1)
        if value < 0 or value > 26:
            return 0
        if value > 23:
            count = 1 << value - 24
            if end - int(packet) < count:
                return 0
            value = 0
            while count:
                value = value << 8 | packet[0]
                packet = ptr8(int(packet) + 1)
                count -= 1
        if text:
            if length >= 0 or value < 0 or value > end - int(packet):
                return 0
            data = int(packet) - base
            length = value
            packet = ptr8(int(packet) + value)
        else:
            if off >= 0 or value >> 30:
                return 0
            off = value
    if pairs == 0xBF:
        if int(packet) >= end or packet[0] != 0xFF:
            return 0
        packet = ptr8(int(packet) + 1)
    if int(packet) != end:
        return 0
    out = ptr32(found)
    out[0] = off
    out[1] = data
    out[2] = length
    return 1


@micropython.viper
def fill_offset(out: ptr8, packet: ptr8, offset: int) -> int:
    out[0] = packet[0] | 1
    out[4] = packet[4]
    out[5] = packet[5]
    out[6] = packet[6]
    out[7] = packet[7]
    size = 1
    if offset < 24:
        out[13] = offset
    elif offset < 256:
        out[13] = 24
        out[14] = offset
        size = 2
    elif offset < 65536:
        out[13] = 25
        out[14] = offset >> 8
        out[15] = offset
        size = 3
    else:
        out[13] = 26
        out[14] = offset >> 24
        out[15] = offset >> 16
        out[16] = offset >> 8
        out[17] = offset
        size = 5
    out[3] = size + 5
    return size
