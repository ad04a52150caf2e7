"""The cell in memory that survives a reset (RTC memory) and may hold garbage: what the last run left.

SPEC.md 5.3 has the bytes. Whoever finds no whole cell decides as if nothing had been left.
"""

import binascii
import struct

APP, RECOVERY, ASKED, CRASHED = 0, 1, 2, 3
COUNT_MAX = 255
_MAGIC = b"OPHB"
_FORM = "<4sBBBB4s"
_BYTES = 16
NOBODY = b"\0\0\0\0"


class Cell:
    """What a run leaves to the next boot.

    mode    APP: nothing announced; RECOVERY: recovery is asked for; ASKED: a reset that says nothing about
            the application; CRASHED: the application ended with an exception
    flag    the sanity flag: the application's update trigger was reachable
    warm    starts without a hard reset in between (soft resets, deep sleep), at most 255
    misses  how often in a row that image missed (core/health.py), at most 255
    tag     the first 4 bytes of the SHA-256 of the image that ran
    """

    def __init__(
        self, mode: int = APP, flag: bool = False, warm: int = 0, misses: int = 0, tag: bytes = NOBODY
    ) -> None:
        self.mode = mode
        self.flag = flag
        self.warm = warm
        self.misses = misses
        self.tag = tag

    def pack(self) -> bytes:
        """The cell as 16 bytes."""
        counts = min(self.warm, COUNT_MAX), min(self.misses, COUNT_MAX)
        body = struct.pack(_FORM, _MAGIC, self.mode, 1 if self.flag else 0, *counts, self.tag)
        return body + struct.pack("<I", binascii.crc32(body))


def parse(data: bytes | None) -> Cell | None:
    """The Cell in `data`; None for anything that `Cell.pack` did not make."""
    if not data or len(data) != _BYTES:
        return None
    magic, mode, flag, warm, misses, tag = struct.unpack_from(_FORM, data)
    if magic != _MAGIC or mode > CRASHED or flag > 1:
        return None
    if struct.unpack_from("<I", data, _BYTES - 4)[0] != binascii.crc32(bytes(data[: _BYTES - 4])):
        return None
    return Cell(mode, flag == 1, warm, misses, bytes(tag))
