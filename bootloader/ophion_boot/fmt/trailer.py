"""MCUboot's slot trailer: where its fields lie and what their bytes mean (SPEC.md 2).

Pure: it knows bytes, not flash. Fields end at the slot's end; `unit` is the size of a flag, the
larger of 8 and the write size (MCUboot's BOOT_MAX_ALIGN).
"""

from ophion_boot.fmt import FormatError

MAGIC_BYTES = 16
UNSET, GOOD, BAD = 0, 1, 2
SET = GOOD

NONE, TEST, PERM, REVERT = 1, 2, 3, 4
"""Swap types, as MCUboot writes them into the low four bits of swap_info."""

IMAGE_OK, COPY_DONE, SWAP_INFO, TLV_SIZES, SWAP_SIZE = 1, 2, 3, 4, 5
"""Fields, numbered by their distance (in units) below the magic."""

_MAGIC_8 = b"\x77\xc2\x95\xf3\x60\xd2\xef\x7f\x35\x52\x50\x0f\x2c\xb6\x79\x80"
_MAGIC_N = b"\x2d\xe1\x5d\x29\x41\x0b\x8d\x77\x67\x9c\x11\x0f\x1f\x8a"


def unit_bytes(write_size: int) -> int:
    """Size of a flag for a flash with `write_size`."""
    if write_size not in (1, 2, 4, 8, 16, 32):
        raise FormatError("write size %d is not 1, 2, 4, 8, 16 or 32" % write_size)
    return max(8, write_size)


def magic(unit: int) -> bytes:
    """The magic for flags of `unit` bytes."""
    return _MAGIC_8 if unit == 8 else bytes((unit & 0xFF, unit >> 8)) + _MAGIC_N


def magic_at(size: int) -> int:
    """Offset of the magic in a slot of `size` bytes; it fills the last 16 bytes."""
    return size - MAGIC_BYTES


def field_at(size: int, unit: int, field: int) -> int:
    """Offset of `field` (1 image_ok .. 5 swap_size) in a slot of `size` bytes."""
    return magic_at(size) // unit * unit - field * unit


def classify_magic(data: bytes, unit: int) -> int:
    """UNSET for erased bytes, GOOD for the magic, BAD for anything else (a torn write, say)."""
    if data == b"\xff" * MAGIC_BYTES:
        return UNSET
    return GOOD if data == magic(unit) else BAD


def classify_flag(data: bytes | bytearray) -> int:
    """UNSET when every byte is erased, SET when it reads 1, BAD otherwise."""
    for byte in data:
        if byte != 0xFF:
            return SET if data[0] == 1 else BAD
    return UNSET


def flag(unit: int, value: int = 1) -> bytes:
    """The bytes of a flag: the value, then erased bytes."""
    return bytes((value,)) + b"\xff" * (unit - 1)
