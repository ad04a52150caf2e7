"""RSA-PSS signature verification (RFC 8017, 8.1.2 and 9.1.2) with SHA-256, MGF1 and a salt of 32 bytes.

That is what MCUboot's imgtool writes. Keys have 2048, 3072 or 4096 bits and the exponent 65537.
Nothing here is secret, so nothing is constant-time.
"""

import hashlib

from ophion_boot.compat import const
from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.der import BIT_STRING, SEQUENCE, element, integers, whole

_SALT = const(32)
_HASH = const(32)
_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")


class PublicKey:
    """A public key, from the DER of RSAPublicKey (RFC 8017, A.1.1), which MCUboot's key hash covers.

    It keeps tables of about four times the size of the modulus, made at the first verification.
    Raises CryptoError for anything but a modulus of 2048, 3072 or 4096 bits and the exponent 65537.
    """

    def __init__(self, der: bytes) -> None:
        der = bytes(der)
        numbers = integers(der, *whole(der, SEQUENCE))
        if len(numbers) != 2:
            raise CryptoError("RSA key has %d numbers, not 2" % len(numbers))
        self._n, exponent = numbers
        if exponent != 65537:
            raise CryptoError("RSA exponent is not 65537")
        for bits in (2048, 3072, 4096):
            if self._n >> (bits - 1) == 1:
                self.bits = bits
                break
        else:
            raise CryptoError("RSA modulus does not have 2048, 3072 or 4096 bits")
        if not self._n & 1:
            raise CryptoError("RSA modulus is even")
        self._folds: list[tuple[int, int, int]] = []

    def verify(self, digest: bytes, signature: bytes) -> None:
        """Raise CryptoError unless `signature` of `digest` (SHA-256, 32 bytes) is valid."""
        size = self.bits // 8
        if len(digest) != _HASH:
            raise CryptoError("digest is %d bytes, not 32" % len(digest))
        if len(signature) != size:
            raise CryptoError("signature is %d bytes, not %d" % (len(signature), size))
        number = int.from_bytes(signature, "big")
        if number >= self._n:
            raise CryptoError("signature is not below the modulus")
        _check_pss(self._public_power(number).to_bytes(size, "big"), digest)

    def _public_power(self, x: int) -> int:
        """x^65537 modulo n."""
        if not self._folds:
            self._make_folds()
        y = x
        for _ in range(16):
            y = self._reduce(_square(y, self.bits // 2))
        return self._reduce(x * y)

    def _make_folds(self) -> None:
        # Each fold replaces the upper half of what is too long, down to 1/16 of the modulus.
        extra = self.bits // 2
        for _ in range(4):
            at = self.bits + extra
            self._folds.append((at, (1 << at) - 1, (1 << at) % self._n))
            extra //= 2

    def _reduce(self, x: int) -> int:
        for at, mask, value in self._folds:
            x = (x & mask) + (x >> at) * value
        return x % self._n


def verify(key: bytes, digest: bytes, signature: bytes) -> None:
    """Raise CryptoError unless `signature` of `digest` (32 bytes) by `key` (DER of RSAPublicKey) is valid."""
    PublicKey(key).verify(digest, signature)


def public_key(spki: bytes) -> bytes:
    """The DER of RSAPublicKey in a SubjectPublicKeyInfo (RFC 3279, 2.3.1)."""
    spki = bytes(spki)
    start, end = whole(spki, SEQUENCE)
    key_at = start + len(_ALGORITHM)
    if spki[start:key_at] != _ALGORITHM:
        raise CryptoError("not the SubjectPublicKeyInfo of an RSA key")
    at, key_end = element(spki, BIT_STRING, key_at, end)
    if key_end != end or at == end or spki[at] != 0:
        raise CryptoError("bad bit string in SubjectPublicKeyInfo")
    return spki[at + 1 : end]


def _square(x: int, half: int) -> int:
    """x^2 by one step of Karatsuba; `half` is half the length of x in bits."""
    high = x >> half
    low = x & ((1 << half) - 1)
    both = high + low
    high *= high
    low *= low
    return (high << 2 * half) + (both * both - high - low << half) + low


def _check_pss(encoded: bytes, digest: bytes) -> None:
    """EMSA-PSS-VERIFY (RFC 8017, 9.1.2) with emBits = 8 len(encoded) - 1."""
    size = len(encoded) - _HASH - 1
    masked, hashed = encoded[:size], encoded[size:-1]
    if encoded[-1] != 0xBC:
        raise CryptoError("it does not match")
    if masked[0] & 0x80:
        raise CryptoError("it does not match")
    block = int.from_bytes(masked, "big") ^ int.from_bytes(_mgf1(hashed, size), "big")
    block &= (1 << 8 * size - 1) - 1
    # Zeros, one 1, and the salt.
    if block >> 8 * _SALT != 1:
        raise CryptoError("it does not match")
    salt = (block & ((1 << 8 * _SALT) - 1)).to_bytes(_SALT, "big")
    if hashlib.sha256(bytes(8) + digest + salt).digest() != hashed:
        raise CryptoError("it does not match")


def _mgf1(seed: bytes, size: int) -> bytes:
    """The mask generation function MGF1 with SHA-256 (RFC 8017, B.2.1)."""
    blocks = [
        hashlib.sha256(seed + count.to_bytes(4, "big")).digest() for count in range((size + 31) // _HASH)
    ]
    return b"".join(blocks)[:size]
