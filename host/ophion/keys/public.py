"""The public half of a signing key, in the forms that devices, tools and people use."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

from ophion.errors import KeyFileError
from ophion.files import read_file

RAW_BYTES = 32
_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""DER of SubjectPublicKeyInfo for Ed25519 up to the key itself (RFC 8410 section 4)."""


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key; `raw` is its 32 bytes (RFC 8032 section 5.1.5), as a device stores it."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != RAW_BYTES:
            raise KeyFileError(f"an Ed25519 public key has {RAW_BYTES} bytes, not {len(self.raw)}")

    @property
    def der(self) -> bytes:
        """SubjectPublicKeyInfo in DER, 44 bytes."""
        return _SPKI_PREFIX + self.raw

    @property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM, as `imgtool getpub -e pem` writes it."""
        body = base64.b64encode(self.der)
        return b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n"

    @property
    def keyhash(self) -> bytes:
        """What the KEYHASH TLV of an image carries: SHA-256 over the DER form, 32 bytes."""
        return hashlib.sha256(self.der).digest()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise KeyFileError unless `signature` (64 bytes) over `message` is by this key."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            raise KeyFileError("the signature is not by this key") from None


def load_public(path: str | os.PathLike[str]) -> PublicKey:
    """Read a public key: PEM (public, or private without passphrase), DER (44 bytes) or raw (32 bytes).

    Raises InputError if there is no such file, KeyFileError if it is no Ed25519 key.
    """
    data = read_file(path, "key")
    if len(data) == RAW_BYTES:
        return PublicKey(data)
    if len(data) == len(_SPKI_PREFIX) + RAW_BYTES and data.startswith(_SPKI_PREFIX):
        return PublicKey(data[len(_SPKI_PREFIX) :])
    return _from_pem(data, os.fspath(path))


def _from_pem(data: bytes, where: str) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

    key: object
    try:
        if b"PUBLIC KEY-----" in data:
            key = serialization.load_pem_public_key(data)
        else:
            key = serialization.load_pem_private_key(data, None)
    except TypeError:
        raise KeyFileError(
            f"{where} is a private key with a passphrase", "give the public key (.pub) here"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{where} is not a key in PEM, DER or raw form") from None
    if isinstance(key, Ed25519PrivateKey):
        key = key.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{where} is not an Ed25519 key ({type(key).__name__.strip('_')})")
    return PublicKey(key.public_bytes_raw())
