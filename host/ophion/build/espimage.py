"""ESP-IDF application images: what a runtime is wrapped in (ESP-IDF esp_app_format.h, esp_image_format.c).

24 bytes of header, segments (load address, length, data), zeros up to one byte before a multiple of 16,
the checksum (0xef, XOR of all segment bytes), SHA-256 of all that. Real ones come from an ESP-IDF build;
`app_image` makes those of simulated devices.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import struct
from collections.abc import Sequence

MAGIC = 0xE9
CHIP_ESP32C3 = 5
_HEADER = "<BBBBIBBBBHBHHBBBBB"
_WRITE_UNIT = 32
_DATA_ALIGN = 4


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
        checksum = functools.reduce(operator.xor, data, checksum)
    image += bytes(15 - len(image) % 16) + bytes((checksum,))
    image += hashlib.sha256(image).digest()
    return image + b"\xff" * (-len(image) % _WRITE_UNIT)
