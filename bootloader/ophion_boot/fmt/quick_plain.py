"""The functions of `quick` without the viper emitter."""


def copy(
    to: bytearray | memoryview, source: bytes | bytearray | memoryview, at: int, start: int, size: int
) -> None:
    """Copy `size` bytes of `source` from `start` into `to` from `at`."""
    to[at : at + size] = source[start : start + size]


def blank(buf: bytearray | memoryview, size: int) -> bool:
    """True when the first `size` bytes of `buf`, a multiple of 4, are 0xff."""
    return bytes(buf[:size]) == b"\xff" * size


def find_chunk(packet: bytes | memoryview, size: int, found) -> int:  # type: ignore[no-untyped-def]
    """1 when the SMP packet of `size` bytes is an upload request with {"off", "data"}, in any order.

    `found` (array of three words) is then offset, first byte of the data in the packet, and its length. 0 for
    anything else that may be right or wrong: the decoder tells. The offset is below 2**30.
    """
    if size < 9 or packet[0] & 0xF7 != 2 or bytes(packet[2:6]) != (size - 8).to_bytes(2, "big") + b"\0\1":
        return 0
    if packet[7] != 1 or packet[8] not in (0xA2, 0xBF):
        return 0
    at = 9
    off = length = -1
    for _ in range(2):
        rest = bytes(packet[at : at + 5])
        text = rest == b"\x64data"
        if not text and rest[:4] != b"\x63off":
            return 0
        at += 5 if text else 4
        info = packet[at] - (0x40 if text else 0) if at < size else 31
        at += 1
        count = 1 << info - 24 if 24 <= info < 27 else 0
        if not 0 <= info < 27 or at + count > size:
            return 0
        value = int.from_bytes(packet[at : at + count], "big") if count else info
        at += count
        if text:
            if length >= 0 or at + value > size:
                return 0
            found[1], length = at, value
            at += value
        elif off >= 0 or value >> 30:
            return 0
        else:
            off = value
    if packet[8] == 0xBF:
        if at >= size or packet[at] != 0xFF:
            return 0
        at += 1
    if at != size:
        return 0
    found[0], found[2] = off, length
    return 1


def fill_offset(out: bytearray, packet: bytes | memoryview, offset: int) -> int:
    """Make `out` the response {"off": `offset`} to the request `packet`, but for bytes that never change.

    Those are 2, a zero, and from the header on the map and its key. Returns how many bytes the number takes.
    """
    out[0] = packet[0] | 1
    out[4:8] = packet[4:8]
    wide = 0 if offset < 24 else 1 if offset < 256 else 2 if offset < 65536 else 4
    out[13] = offset if not wide else 24 + (wide >> 1)
    out[14 : 14 + wide] = offset.to_bytes(wide, "big") if wide else b""
    out[3] = 6 + wide
    return 1 + wide
