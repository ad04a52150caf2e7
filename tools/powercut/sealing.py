"""Encrypted images for the campaign, made with `cryptography` alone, the same ones in every run (SPEC.md 9).

AES-128 in counter mode; the content key is wrapped with X25519, HKDF and HMAC for the campaign's own device.
"""

import hashlib
import hmac
import random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from powercut.device import BLOCK

TLV = 0x33
FLAG = 0x4
WRAPPED_BYTES = 32 + 32 + 16
_PRIVATE = b"ophion power-cut campaign, x25519"[:32]
_PUBLIC = X25519PrivateKey.from_private_bytes(_PRIVATE).public_key()
_ID = hashlib.sha256(_PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()[:8]
DEVICE_KEYS = [(_ID, TLV, _PRIVATE)]
"""The device's private keys, as core.secret.Secret takes them."""


class Sealing:
    """The keys of one image: `content`, and the two that wrap it; all of them follow from `seed`."""

    def __init__(self, seed: int) -> None:
        numbers = random.Random(seed)
        self.content = numbers.randbytes(16)
        mine = X25519PrivateKey.from_private_bytes(numbers.randbytes(32))
        shared = mine.exchange(_PUBLIC)
        okm = HKDF(hashes.SHA256(), 48, None, b"MCUBoot_ECIES_v1").derive(shared)
        self._point = mine.public_key().public_bytes_raw()
        self._key, self._mac_key = okm[:16], okm[16:]

    def wrapped(self) -> bytes:
        """The value of the TLV."""
        encrypted = _ctr(self._key, self.content)
        return self._point + hmac.digest(self._mac_key, encrypted, "sha256") + encrypted

    def encrypted(self, payload: bytes) -> bytes:
        """The ciphertext of `payload`."""
        return _ctr(self.content, payload)

    def secrets(self) -> list[bytes]:
        """What must never lie in flash."""
        return [self.content, self._key, self._mac_key, _PRIVATE]


def blocks(payload: bytes) -> set[bytes]:
    """The blocks by which plaintext is found."""
    return {payload[at : at + BLOCK] for at in range(0, len(payload), BLOCK)}


def _ctr(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(bytes(BLOCK))).encryptor().update(data)
