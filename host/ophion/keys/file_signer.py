"""Private keys in PEM files: made, read, and used in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ophion.errors import KeyFileError, UsageError
from ophion.files import read_file, write_file
from ophion.keys.algorithms import DIGEST_BYTES, RSA_EXPONENT, Algorithm
from ophion.keys.public import PublicKey, public_from

PRIVATE_MODE = 0o600
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | RSAPrivateKey


class FileSigner:
    """A private key in memory, read from a PEM file."""

    def __init__(self, key: PrivateKey, where: str = "the private key") -> None:
        """`where` names the key in errors. Raises KeyFileError for a curve or a size that is not ours."""
        self._key = key
        self._public = public_from(key.public_key(), where)

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign `message`, with SHA-256 for P-256 and RSA."""
        if self._public.algorithm is Algorithm.ED25519:
            return self.sign_digest(message)
        return self.sign_digest(hashlib.sha256(message).digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest (32 bytes): the message itself for Ed25519, its digest for the others."""
        key = self._key
        if isinstance(key, Ed25519PrivateKey):
            return key.sign(digest)
        sha256 = utils.Prehashed(hashes.SHA256())
        if isinstance(key, RSAPrivateKey):
            return key.sign(digest, padding.PSS(padding.MGF1(hashes.SHA256()), DIGEST_BYTES), sha256)
        return key.sign(digest, ec.ECDSA(sha256))

    @classmethod
    def load(cls, path: str | os.PathLike[str], passphrase: Callable[[], bytes] | None = None) -> FileSigner:
        """Read a private key. Raises InputError (no file) or KeyFileError (wrong kind, wrong passphrase)."""
        data = read_file(path, "key")
        where = os.fspath(path)
        secret = None
        if b"ENCRYPTED" in data:
            if passphrase is None:
                raise KeyFileError(
                    f"{where} needs a passphrase", "give it in OPHION_KEY_PASSPHRASE or at the prompt"
                )
            secret = passphrase()
        return cls(_parse_private(data, secret, where), where)


def generate(
    path: str | os.PathLike[str],
    algorithm: Algorithm = Algorithm.ED25519,
    *,
    passphrase: bytes | None = None,
    force: bool = False,
) -> PublicKey:
    """Make a new key: the private half at `path` (PEM, PKCS#8, mode 0600), the public half beside it with
    suffix .pub.

    `passphrase` encrypts the private half; empty is not allowed. An existing file is kept unless `force`.
    Raises UsageError (exists, name ends in .pub, empty passphrase) or InputError (cannot write).
    """
    key = _new(algorithm)
    public = public_from(key.public_key(), "the new key")
    write_pair(path, key, public.pem, passphrase, force)
    return public


def write_pair(
    path: str | os.PathLike[str],
    key: PrivateKey | X25519PrivateKey,
    public_pem: bytes,
    passphrase: bytes | None,
    force: bool,
) -> None:
    """Write `key` to `path` and `public_pem` beside it, as `generate` says."""
    target = Path(path)
    public_path = public_path_of(target)
    if passphrase is not None and not passphrase:
        raise UsageError("the passphrase is empty")
    if not force:
        for existing in (target, public_path):
            if existing.exists():
                raise UsageError(
                    f"{existing} exists and is not overwritten",
                    "a lost key cannot be made again; use another name, or --force if you are sure",
                )
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    write_file(target, pem, mode=PRIVATE_MODE, overwrite=force)
    write_file(public_path, public_pem, overwrite=force)


def public_path_of(private_path: Path) -> Path:
    """Where `generate` puts the public half. Raises UsageError if that would be the private file itself."""
    public_path = private_path.with_suffix(".pub")
    if public_path == private_path:
        raise UsageError(f"{private_path} is the name of a public key", "name the private one .pem")
    return public_path


def _new(algorithm: Algorithm) -> PrivateKey:
    if algorithm is Algorithm.ED25519:
        return Ed25519PrivateKey.generate()
    if algorithm is Algorithm.P256:
        return ec.generate_private_key(ec.SECP256R1())
    return generate_private_key(RSA_EXPONENT, algorithm.bits)


def _parse_private(data: bytes, secret: bytes | None, where: str) -> PrivateKey:
    if b"PUBLIC KEY-----" in data:
        raise KeyFileError(
            f"{where} is a public key, signing needs the private one",
            "`ophion keys new` writes it as a .pem file beside the .pub file",
        )
    try:
        key = serialization.load_pem_private_key(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if secret is not None:
            raise KeyFileError(
                f"{where} cannot be opened: wrong passphrase or damaged file",
                "try again; a passphrase that is lost cannot be found out, and the key is lost with it",
            ) from None
        raise KeyFileError(f"{where} is not a private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | RSAPrivateKey):
        kind = type(key).__name__.strip("_")
        raise KeyFileError(
            f"{where} is not an Ed25519, P-256 or RSA key ({kind})", "make one with `ophion keys new`"
        )
    return key
