"""Signed images of any size, made in memory with a key of the campaign's own."""

import functools
import hashlib
import random
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ophion.build.espimage import app_image

from powercut import sealing
from powercut.device import BLOCK

HEADER_BYTES = 32
_OVERHEAD = HEADER_BYTES + 4 + 36 + 36 + 68
_DEPENDENCY = 0x40
# An ESP-IDF image of one segment without its data: header, segment header, padding, SHA-256.
_ESP_OVERHEAD = 24 + 8 + 16 + 32
_RUNTIME_MINOR = 9
_KEY = Ed25519PrivateKey.from_private_bytes(b"ophion power-cut campaign, a key"[:32])
_PUBLIC = _KEY.public_key()
_KEY_HASH = hashlib.sha256(_PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
KEYS = [(_KEY_HASH, _PUBLIC.public_bytes(Encoding.Raw, PublicFormat.Raw))]
"""The trusted keys, as core.verify.Verifier takes them."""


@functools.cache
def signed(major: int, size: int, needs: tuple = ()) -> bytes:
    """An MCUboot image of `size` bytes in all, version `major`.0.0; `needs` is (image number, major)."""
    protected = _needs(*needs) if needs else b""
    payload = random.Random(major * 1_000_003 + size).randbytes(size - _OVERHEAD - len(protected))
    return _signed((major, 0), payload, protected)


@functools.cache
def alike(major: int, size: int, old: bytes) -> bytes:
    """As `signed`, with the payload of the image `old`, repeated, and changed a little in each 200 bytes."""
    return _signed((major, 0), _changed(old, size - _OVERHEAD, major), b"")


def _changed(old: bytes, size: int, number: int) -> bytes:
    """`size` bytes that are like the payload of the image `old`."""
    content = bytearray(payload(old) * (size // len(payload(old)) + 1))[:size]
    for at in range(100, len(content), 200):
        content[at] ^= number
    return bytes(content)


class Sealed:
    """An encrypted image: `stored` as it is uploaded, `running` with its payload in the clear, and what must
    not get out: `secrets` (keys), `plain` (blocks of the payload, none of which may lie elsewhere)."""

    def __init__(self, major: int, size: int, like: bytes = b"") -> None:
        """`size` in bytes is the most; the payload is in whole blocks, and like that of the image `like`."""
        room = size - _OVERHEAD - 4 - sealing.WRAPPED_BYTES
        room -= room % BLOCK
        payload = random.Random(major * 1_000_037 + size).randbytes(room)
        if like:
            payload = _changed(like, room, major)
        keys = sealing.Sealing(major * 1_000_039 + size)
        extra = ((sealing.TLV, keys.wrapped()),)
        self.running = _signed((major, 0), payload, b"", sealing.FLAG, extra)
        end = HEADER_BYTES + len(payload)
        self.stored = self.running[:HEADER_BYTES] + keys.encrypted(payload) + self.running[end:]
        self.secrets = keys.secrets()
        self.plain = sealing.blocks(payload)


@functools.cache
def sealed(major: int, size: int, like: bytes = b"") -> Sealed:
    """An encrypted image of at most `size` bytes in all, version `major`.0.0, like the image `like`."""
    return Sealed(major, size, like)


@functools.cache
def runtime(major: int, size: int, needs: tuple = ()) -> bytes:
    """An MCUboot image, version `major`.9.0, of an ESP-IDF application image of `size` bytes."""
    data = random.Random(major * 1_000_033 + size).randbytes(size - _ESP_OVERHEAD)
    payload = app_image([(0x42000020, data)])
    if len(payload) != size:
        raise ValueError(f"{size} bytes are not whole units of 32")
    return _signed((major, _RUNTIME_MINOR), payload, _needs(*needs) if needs else b"")


def payload(image: bytes) -> bytes:
    """What lies between the header and the TLVs of a `runtime` image."""
    return image[HEADER_BYTES : HEADER_BYTES + struct.unpack_from("<I", image, 12)[0]]


def _needs(number: int, major: int) -> bytes:
    """A protected TLV area with one dependency: image `number` from version `major`.0.0 on."""
    value = struct.pack("<BxxxBBHI", number, major, 0, 0, 0)
    return struct.pack("<HHHH", 0x6908, 8 + len(value), _DEPENDENCY, len(value)) + value


def _signed(version: tuple, content: bytes, protected: bytes, flags: int = 0, more: tuple = ()) -> bytes:
    numbers = (len(protected), len(content), flags, *version, 0, 0, 0)
    body = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, HEADER_BYTES, *numbers) + content + protected
    digest = hashlib.sha256(body).digest()
    tlvs = b"".join(
        struct.pack("<HH", kind, len(value)) + value
        for kind, value in ((0x10, digest), (0x01, _KEY_HASH), (0x24, _KEY.sign(digest)), *more)
    )
    return body + struct.pack("<HH", 0x6907, len(tlvs) + 4) + tlvs
