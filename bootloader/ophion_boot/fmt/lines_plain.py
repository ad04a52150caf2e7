"""The functions of `lines` without the viper emitter."""

import binascii


def crc16(data: bytes | bytearray | memoryview, start: int, size: int, table) -> int:  # type: ignore[no-untyped-def]
    """A CRC of 16 bits, beginning with 0, of `size` bytes of `data` from `start`; `table` has what each value
    of the upper byte leaves (256 numbers)."""
    crc = 0
    for i in range(start, start + size):
        crc = (crc << 8 ^ table[crc >> 8 ^ data[i]]) & 0xFFFF
    return crc


def unbase64(  # type: ignore[no-untyped-def]
    text: bytes | bytearray | memoryview,
    start: int,
    size: int,
    out: bytearray | memoryview,
    at: int,
    table,
) -> int:
    """Decode `size` characters of `text` from `start` (RFC 4648, 4) into `out` from `at`; returns how many
    bytes that are, -1 when it is not base64. `table` has each character's value, 4096 for what is none."""
    body = bytes(text[start : start + size])
    pad = 2 if body.endswith(b"==") else 1 if body.endswith(b"=") else 0
    if size & 3 or any([table[c] > 63 for c in body[: size - pad]]):
        return -1
    piece = binascii.a2b_base64(body)
    out[at : at + len(piece)] = piece
    return len(piece)


def take_line(line: bytes | bytearray, size: int, body: bytearray, state, table) -> int:  # type: ignore[no-untyped-def]
    """Decode a line of a console (fmt/console.py) of `size` bytes into `body`.

    `state` (array of four words): bytes of the packet that are there, bytes that it has (0: not known), the
    most that it may have, and the length of `body`. Returns 1 when the packet is whole, 0 when it is not or
    the line is other text, -1 for a line that does not fit, -2 for one that is not base64, -3 for a first one
    without a length, -4 for a length that may not be, -5 for more bytes than announced.
    """
    mark = line[0] << 8 | line[1] if size > 1 else 0
    if mark == 0x0609:
        state[0] = state[1] = 0
    elif mark != 0x0414 or not state[0]:
        return 0
    if line[size - 1] == 10:
        size -= 1
    if line[size - 1] == 13:
        size -= 1
    have = state[0]
    if have + (size >> 2) * 3 > state[3]:
        return -1
    count = unbase64(line, 2, size - 2, body, have, table)
    if count < 0:
        return -2
    have += count
    if mark == 0x0609:
        if have < 2:
            return -3
        state[1] = 2 + (body[0] << 8 | body[1])
        if not 4 <= state[1] <= state[2]:
            return -4
    if have > state[1]:
        return -5
    state[0] = have
    return int(have == state[1])
