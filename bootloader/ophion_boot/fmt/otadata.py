"""otadata: the two records by which ESP-IDF's second-stage bootloader chooses an application partition.

ESP-IDF `esp_ota_select_entry_t` (components/bootloader_support/include/esp_flash_partitions.h): one
record at the start of each of two sectors: u32 sequence, 20 bytes of label, u32 state, u32 CRC of the
sequence. The record with the higher sequence counts; (sequence - 1) modulo the number of ota partitions is
the number of the partition.
"""

import binascii
import struct

ENTRY_BYTES = 32
NEW, PENDING, VALID, INVALID, ABORTED = 0, 1, 2, 3, 4
UNDEFINED = 0xFFFFFFFF
_ENTRY = "<I20sII"
_ERASED = 0xFFFFFFFF


def pack(seq: int, state: int) -> bytes:
    """The 32 bytes of a record."""
    return struct.pack(_ENTRY, seq, b"\xff" * 20, state, _crc(seq))


def parse(data: bytes | bytearray | memoryview) -> tuple[int, int] | None:
    """(sequence, state) of the record `data`, or None when it is erased or its CRC is wrong."""
    seq, _, state, crc = struct.unpack_from(_ENTRY, data, 0)
    if seq == _ERASED or crc != _crc(seq):
        return None
    return seq, state


def active(entries: tuple) -> int:
    """Index of the record that counts, or -1: the highest sequence that is not INVALID or ABORTED.

    `entries` are two results of `parse`.
    """
    best = -1
    for i in range(len(entries)):
        if entries[i] is None or entries[i][1] in (INVALID, ABORTED):
            continue
        if best < 0 or entries[i][0] > entries[best][0]:
            best = i
    return best


def _crc(seq: int) -> int:
    return binascii.crc32(struct.pack("<I", seq), 0xFFFFFFFF) & 0xFFFFFFFF
