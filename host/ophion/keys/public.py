"""The public half of a signing key, in the forms that devices, tools and people use."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ophion.errors import KeyFileError
from ophion.files import read_file
from ophion.keys.algorithms import DIGEST_BYTES, RSA_EXPONENT, Algorithm

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

RAW_BYTES = 32
_ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")
"""DER of SubjectPublicKeyInfo for Ed25519 up to the key itself (RFC 8410 section 4)."""
_P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""The same for P-256, up to the uncompressed point (RFC 5480 section 2)."""
_PEM_COLUMNS = 64


@dataclass(frozen=True)
class PublicKey:
    """A public key of any `Algorithm`.

    `raw` is the key without a wrapper: 32 bytes for Ed25519 (RFC 8032 section 5.1.5), the 65 bytes of the
    uncompressed point for P-256 (SEC 1 section 2.3.3), RSAPublicKey in DER for RSA (RFC 8017 appendix A.1.1).
    Raises KeyFileError when the bytes are no such key.
    """

    raw: bytes
    algorithm: Algorithm = Algorithm.ED25519

    def __post_init__(self) -> None:
        if self.algorithm is Algorithm.ED25519:
            if len(self.raw) != RAW_BYTES:
                raise KeyFileError(f"an Ed25519 public key has {RAW_BYTES} bytes, not {len(self.raw)}")
        elif _parts(self._load(), "the key") != (self.raw, self.algorithm):
            raise KeyFileError(f"these bytes are no public key of type {self.algorithm.value}")

    @property
    def der(self) -> bytes:
        """SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7): 44 bytes for Ed25519, 91 for P-256."""
        if self.algorithm is Algorithm.ED25519:
            return _ED25519_SPKI + self.raw
        if self.algorithm is Algorithm.P256:
            return _P256_SPKI + self.raw
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        der: bytes = self._load().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return der

    @property
    def mcuboot(self) -> bytes:
        """The form that MCUboot hashes and carries, `imgtool getpub -e raw`: PKCS#1 for RSA, else `der`."""
        return self.raw if self.algorithm.is_rsa else self.der

    @property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM, as `imgtool getpub -e pem` writes it."""
        body = base64.b64encode(self.der)
        lines = [body[at : at + _PEM_COLUMNS] for at in range(0, len(body), _PEM_COLUMNS)]
        return b"\n".join([b"-----BEGIN PUBLIC KEY-----", *lines, b"-----END PUBLIC KEY-----", b""])

    @property
    def keyhash(self) -> bytes:
        """What the KEYHASH TLV of an image carries: SHA-256 over the `mcuboot` form, 32 bytes."""
        return hashlib.sha256(self.mcuboot).digest()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise KeyFileError unless `signature` over `message` is by this key (see `Signer.sign`)."""
        if self.algorithm is Algorithm.ED25519:
            self.verify_digest(signature, message)
        else:
            self.verify_digest(signature, hashlib.sha256(message).digest())

    def verify_digest(self, signature: bytes, digest: bytes) -> None:
        """Raise KeyFileError unless `signature` is by this key over `digest` (see `Signer.sign_digest`)."""
        from cryptography.exceptions import InvalidSignature

        try:
            _verify(self._load(), signature, digest)
        except (InvalidSignature, ValueError):
            raise KeyFileError("the signature is not by this key") from None

    def _load(self) -> Any:
        """The key as the library `cryptography` has it. Raises KeyFileError."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        if self.algorithm is Algorithm.ED25519:
            return Ed25519PublicKey.from_public_bytes(self.raw)
        try:
            return load_der_public_key(self.mcuboot)
        except ValueError:
            raise KeyFileError(f"these bytes are no public key of type {self.algorithm.value}") from None


def load_public(path: str | os.PathLike[str]) -> PublicKey:
    """Read a public key: PEM (public, or private without passphrase), DER (SPKI or PKCS#1) or raw Ed25519.

    Raises InputError if there is no such file, KeyFileError if it holds no signing key of a known type.
    """
    data = read_file(path, "key")
    if len(data) == RAW_BYTES:
        return PublicKey(data)
    where = os.fspath(path)
    return public_from(load_any(data, where), where)


def load_any(data: bytes, where: str) -> PublicKeyTypes:
    """The public key in `data`, of any kind: PEM (public, or private without passphrase) or DER.

    `where` names it in errors. Raises KeyFileError.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        if b"PUBLIC KEY-----" in data:
            return serialization.load_pem_public_key(data)
        if data.startswith(b"\x30"):
            return serialization.load_der_public_key(data)
        return serialization.load_pem_private_key(data, None).public_key()
    except TypeError:
        raise KeyFileError(
            f"{where} is a private key with a passphrase", "give the public key (.pub) here"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{where} is not a key in PEM, DER or raw form") from None


def public_from(key: object, where: str) -> PublicKey:
    """The PublicKey that the object `key` of the library `cryptography` is.

    `where` names it in errors. Raises KeyFileError for another kind, curve or size.
    """
    return PublicKey(*_parts(key, where))


def _parts(key: object, where: str) -> tuple[bytes, Algorithm]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, ed25519.Ed25519PublicKey):
        return key.public_bytes_raw(), Algorithm.ED25519
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, ec.SECP256R1):
            raise KeyFileError(f"{where} is on the curve {key.curve.name}, not on P-256")
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), Algorithm.P256
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1), _rsa_size(key, where)
    kind = type(key).__name__.strip("_")
    raise KeyFileError(f"{where} is not an Ed25519, P-256 or RSA key ({kind})")


def _rsa_size(key: RSAPublicKey, where: str) -> Algorithm:
    exponent = key.public_numbers().e
    if exponent != RSA_EXPONENT:
        raise KeyFileError(f"{where} is an RSA key with the exponent {exponent}, not {RSA_EXPONENT}")
    for algorithm in (Algorithm.RSA2048, Algorithm.RSA3072, Algorithm.RSA4096):
        if key.key_size == algorithm.bits:
            return algorithm
    raise KeyFileError(f"{where} is an RSA key of {key.key_size} bits, not 2048, 3072 or 4096")


def _verify(key: Any, signature: bytes, digest: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, utils

    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, digest)
        return
    sha256 = utils.Prehashed(hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, digest, ec.ECDSA(sha256))
    else:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), DIGEST_BYTES)
        key.verify(signature, digest, pss, sha256)
