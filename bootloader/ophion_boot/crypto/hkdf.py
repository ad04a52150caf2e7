"""HMAC (RFC 2104), HKDF (RFC 5869) and a comparison for secrets, over SHA-256 or SHA-512."""

import hashlib

from ophion_boot.crypto import CryptoError


def sha256(data: bytes) -> bytes:
    """The 32 byte digest of `data`."""
    return hashlib.sha256(data).digest()


def hmac(key: bytes, message: bytes, hash=sha256, block_bytes: int = 64) -> bytes:  # type: ignore[no-untyped-def]
    """HMAC of `message`; for SHA-512, `hash` is `sha512.sha512` and `block_bytes` 128."""
    if len(key) > block_bytes:
        key = hash(key)
    # Long integers: a byte at a time takes three times as long.
    size = block_bytes
    number = int.from_bytes(bytes(key) + bytes(size - len(key)), "big")
    repeated = ((1 << 8 * size) - 1) // 255
    inner = hash((number ^ 0x36 * repeated).to_bytes(size, "big") + message)
    return hash((number ^ 0x5C * repeated).to_bytes(size, "big") + inner)


def hkdf(  # type: ignore[no-untyped-def]
    secret: bytes, salt: bytes, info: bytes, length: int, hash=sha256, block_bytes: int = 64
) -> bytes:
    """`length` bytes of key from `secret` (RFC 5869, 2.2 and 2.3); an empty `salt` stands for zeros.

    Raises CryptoError when `length` is more than 255 digests.
    """
    prk = hmac(salt, secret, hash, block_bytes)
    if not 0 <= length <= 255 * len(prk):
        raise CryptoError("HKDF cannot give %d bytes" % length)
    out = block = b""
    count = 1
    while len(out) < length:
        block = hmac(prk, block + bytes(info) + bytes((count,)), hash, block_bytes)
        out += block
        count += 1
    return out[:length]


def require_equal(a: bytes, b: bytes, what: str) -> None:
    """Raise CryptoError("`what` does not match") unless `a` and `b` are the same bytes.

    Every byte is looked at, whether an earlier one differed or not; the lengths are not secret.
    """
    difference = len(a) ^ len(b)
    for x, y in zip(a, b):
        difference |= x ^ y
    if difference:
        raise CryptoError(what + " does not match")
