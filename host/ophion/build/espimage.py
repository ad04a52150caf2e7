"""ESP-IDF application images: what a runtime is wrapped in (ESP-IDF esp_app_format.h, esp_image_format.c).

24 bytes of header, segments (load address, length, data), zeros up to one byte before a multiple of 16,
the checksum (0xef, XOR of all segment bytes), SHA-256 of all that. Real ones come from an ESP-IDF build, and
`read_image` checks them; `app_image` makes those of simulated devices.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ophion.errors import InputError

MAGIC = 0xE9
CHIP_ESP32C3 = 5
CHIP_IDS = {"esp32": 0, "esp32s3": 9, "esp32c3": 5, "esp32c6": 13}
"""esp_chip_id_t of the chips that boards may have."""
OTHER_CHIP_IDS = {2: "esp32s2", 12: "esp32c2", 16: "esp32h2", 18: "esp32p4", 23: "esp32c5"}
"""Those of chips that no board of ours has."""
_HEADER = "<BBBBIBBBBHBHHBBBBB"
_WRITE_UNIT = 32
_DATA_ALIGN = 4
_HEAD_BYTES = struct.calcsize(_HEADER)
_SEGMENTS_MAX = 16
_SHA_BYTES = 32
_FLASH_SIZES = {nibble: (1 << 20) << nibble for nibble in range(8)}


@dataclass(frozen=True)
class EspImage:
    """An image that was checked: `chip` is esp_chip_id_t, `flash_size` what its header says of the
    flash, `size` its own, hash included, all in bytes; `has_sha` says whether SHA-256 follows it."""

    chip: int
    flash_size: int
    size: int
    has_sha: bool


def read_image(data: bytes, what: str) -> EspImage:
    """The image that `data` begins with, whatever follows. Raises InputError naming `what` and its fault."""
    if len(data) < _HEAD_BYTES or data[0] != MAGIC:
        raise InputError(f"{what} is no ESP-IDF image: it does not begin with 0xe9")
    fields = struct.unpack_from(_HEADER, data)
    count, sizes, chip, has_sha = fields[1], fields[3] >> 4, fields[9], fields[-1] == 1
    if not 1 <= count <= _SEGMENTS_MAX:
        raise InputError(f"{what} is damaged: {count} segments")
    at, checksum = _HEAD_BYTES, 0xEF
    for _ in range(count):
        size = struct.unpack_from("<II", data, at)[1] if at + 8 <= len(data) else len(data)
        at += 8
        if at + size > len(data):
            raise InputError(f"{what} is damaged: it ends in a segment")
        checksum ^= _xor(data[at : at + size])
        at += size
    at += 16 - at % 16
    if at > len(data) or data[at - 1] != checksum:
        raise InputError(f"{what} is damaged: its checksum does not match")
    if has_sha and data[at : at + _SHA_BYTES] != hashlib.sha256(data[:at]).digest():
        raise InputError(f"{what} is damaged: its SHA-256 does not match")
    return EspImage(chip, _FLASH_SIZES.get(sizes, 0), at + (_SHA_BYTES if has_sha else 0), has_sha)


def with_flash_size(data: bytes, size: int, what: str) -> bytes:
    """The image that `data` begins with, with `size` in its header and a hash to match; what follows stays.

    Raises InputError for a size that a header cannot say, or a damaged image.
    """
    image = read_image(data, what)
    nibbles = [nibble for nibble, known in _FLASH_SIZES.items() if known == size]
    if not nibbles:
        raise InputError(f"no flash has {size:#x} bytes")
    changed = bytearray(data)
    changed[3] = changed[3] & 0x0F | nibbles[0] << 4
    if image.has_sha:
        body = image.size - _SHA_BYTES
        changed[body : image.size] = hashlib.sha256(changed[:body]).digest()
    return bytes(changed)


def _xor(data: bytes) -> int:
    return functools.reduce(operator.xor, data, 0)


def app_image(segments: Sequence[tuple[int, bytes]], chip: int = CHIP_ESP32C3) -> bytes:
    """An application image of `segments` (load address, data), padded to whole write units of 32 bytes.

    `chip` is esp_chip_id_t. What follows the image in its partition is not looked at by ESP-IDF.
    """
    pin_disabled = 0xEE
    image = struct.pack(
        _HEADER, MAGIC, len(segments), 2, 0x20, 0, pin_disabled, 0, 0, 0, chip, 0, 0, 0xFFFF, 0, 0, 0, 0, 1
    )
    checksum = 0xEF
    for address, content in segments:
        data = content + bytes(-len(content) % _DATA_ALIGN)
        image += struct.pack("<II", address, len(data)) + data
        checksum ^= _xor(data)
    image += bytes(15 - len(image) % 16) + bytes((checksum,))
    image += hashlib.sha256(image).digest()
    return image + b"\xff" * (-len(image) % _WRITE_UNIT)
