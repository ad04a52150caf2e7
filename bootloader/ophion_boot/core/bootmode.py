"""The wish for the next boot, in memory that survives a reset (RTC memory) and may hold garbage."""

import binascii
import struct

APP, RECOVERY = 0, 1
_MAGIC = b"OPHB"


def pack(mode: int) -> bytes:
    """12 bytes that ask the next boot for `mode`."""
    body = _MAGIC + struct.pack("<I", mode)
    return body + struct.pack("<I", binascii.crc32(body))


def parse(data: bytes) -> int:
    """The mode that `data` asks for; APP for anything that `pack` did not make."""
    if len(data) != 12 or data[:4] != _MAGIC:
        return APP
    mode, crc = struct.unpack_from("<II", data, 4)
    if crc != binascii.crc32(bytes(data[:8])) or mode != RECOVERY:
        return APP
    return RECOVERY
