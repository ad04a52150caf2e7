"""Public keys as bytes: what a KEYHASH TLV is the SHA-256 of (MCUboot; SPEC.md 8.1).

Ed25519 and ECDSA P-256 as SubjectPublicKeyInfo (RFC 8410, RFC 5480), RSA as RSAPublicKey (RFC 8017
A.1.1) with exponent 65537. Each has one encoding only, so that one key has one hash.
"""

import hashlib

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError

# A key's algorithm is the type of the TLV that carries its signatures. MCUboot has none for RSA-4096: such
# keys sign statements, not images.
RSA2048, ECDSA_P256, RSA3072, ED25519, RSA4096 = 0x20, 0x22, 0x23, 0x24, 0x2F
_EXPONENT = b"\x02\x03\x01\x00\x01"
_RAW_BYTES = const(32)
ID_BYTES = 8

# algorithm: (name, bytes of the key, how it begins, how it ends, least and most bytes of a signature)
ALGORITHMS = {
    ED25519: ("Ed25519", 44, b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", b"", 64, 64),
    ECDSA_P256: (
        "ECDSA P-256",
        91,
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
        b"\x03\x42\x00\x04",
        b"",
        8,
        72,
    ),
    RSA2048: ("RSA-2048", 270, b"\x30\x82\x01\x0a\x02\x82\x01\x01\x00", _EXPONENT, 256, 256),
    RSA3072: ("RSA-3072", 398, b"\x30\x82\x01\x8a\x02\x82\x01\x81\x00", _EXPONENT, 384, 384),
    RSA4096: ("RSA-4096", 526, b"\x30\x82\x02\x0a\x02\x82\x02\x01\x00", _EXPONENT, 512, 512),
}


def algorithm_of(key: bytes | memoryview) -> int:
    """The algorithm of an encoded key; raises FormatError for bytes that are not one of `ALGORITHMS`."""
    data = bytes(key)
    for algorithm, (_, size, head, tail, _, _) in ALGORITHMS.items():
        if len(data) == size and data[: len(head)] == head and data[size - len(tail) :] == tail:
            return algorithm
    raise FormatError("a key of %d bytes is of no known type" % len(data))


def algorithm_name(algorithm: int) -> str:
    """What people call an algorithm."""
    row = ALGORITHMS.get(algorithm)
    return row[0] if row else "type %#x" % algorithm


def key_hash(key: bytes | memoryview) -> bytes:
    """SHA-256 of an encoded key (32 bytes): what a KEYHASH TLV holds."""
    return hashlib.sha256(key).digest()


def from_raw(key: bytes) -> bytes:
    """The encoded key for a raw Ed25519 key (32 bytes) or an encoded one; raises FormatError."""
    if len(key) == _RAW_BYTES:
        return ALGORITHMS[ED25519][2] + bytes(key)
    algorithm_of(key)
    return bytes(key)
