"""Signed images of any size, made in memory with a key of the campaign's own."""

import functools
import hashlib
import random
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_OVERHEAD = 32 + 4 + 36 + 36 + 68
_KEY = Ed25519PrivateKey.from_private_bytes(b"ophion power-cut campaign, a key"[:32])
_PUBLIC = _KEY.public_key()
_KEY_HASH = hashlib.sha256(_PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
KEYS = [(_KEY_HASH, _PUBLIC.public_bytes(Encoding.Raw, PublicFormat.Raw))]
"""The trusted keys, as core.verify.Verifier takes them."""


@functools.cache
def signed(major: int, size: int) -> bytes:
    """An MCUboot image of `size` bytes in all, version `major`.0.0."""
    payload = random.Random(major * 1_000_003 + size).randbytes(size - _OVERHEAD)
    body = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, 0, len(payload), 0, major, 0, 0, 0, 0) + payload
    digest = hashlib.sha256(body).digest()
    tlvs = b"".join(
        struct.pack("<HH", kind, len(value)) + value
        for kind, value in ((0x10, digest), (0x01, _KEY_HASH), (0x24, _KEY.sign(digest)))
    )
    return body + struct.pack("<HH", 0x6907, len(tlvs) + 4) + tlvs
