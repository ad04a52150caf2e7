"""Who signs: a `Signer` holds or reaches a private key, and nothing else in Ophion sees one.

A signer is named by a URI. `file:PATH`, or just `PATH`, is a PEM file (PKCS#8, with or without passphrase).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ophion.errors import KeyFileError, UsageError
from ophion.files import read_file, write_file
from ophion.keys.public import PublicKey
from ophion.keys.sample import refuse_sample

Passphrase = Callable[[], bytes]
"""Asked only when a key needs it; returns the passphrase."""

PRIVATE_MODE = 0o600


class Signer(Protocol):
    """A private Ed25519 key that can be used but not read."""

    @property
    def public(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature (RFC 8032 section 5.1.6) over `message`."""


class FileSigner:
    """A private key in memory, read from a PEM file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = PublicKey(key.public_key().public_bytes_raw())

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over `message`."""
        return self._key.sign(message)

    @classmethod
    def load(cls, path: str | os.PathLike[str], passphrase: Passphrase | None = None) -> FileSigner:
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
        return cls(_parse_private(data, secret, where))


def open_signer(
    uri: str, passphrase: Passphrase | None = None, *, allow_sample: bool | None = None
) -> Signer:
    """Return the signer that `uri` names: `file:PATH` or `PATH`.

    Raises UsageError for a scheme nobody serves, KeyFileError for an unusable key, also for a
    published sample key unless `allow_sample` (None: the environment's `OPHION_ALLOW_TEST_KEYS=1`).
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or len(scheme) == 1:  # no scheme, or a Windows drive letter
        scheme, rest = "file", uri
    if scheme != "file":
        raise UsageError(f"no signer for {scheme}: keys", "give a file: file:PATH or PATH")
    signer = FileSigner.load(rest, passphrase)
    refuse_sample(signer.public, allow_sample)
    return signer


def generate(
    path: str | os.PathLike[str], *, passphrase: bytes | None = None, force: bool = False
) -> PublicKey:
    """Make a new key: the private half at `path` (PEM, mode 0600), the public half beside it with
    suffix .pub.

    `passphrase` encrypts the private half; empty is not allowed. An existing file is kept unless `force`.
    Raises UsageError (exists, name ends in .pub, empty passphrase) or InputError (cannot write).
    """
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
    key = Ed25519PrivateKey.generate()
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    public = PublicKey(key.public_key().public_bytes_raw())
    write_file(target, pem, mode=PRIVATE_MODE, overwrite=force)
    write_file(public_path, public.pem, overwrite=force)
    return public


def public_path_of(private_path: Path) -> Path:
    """Where `generate` puts the public half. Raises UsageError if that would be the private file itself."""
    public_path = private_path.with_suffix(".pub")
    if public_path == private_path:
        raise UsageError(f"{private_path} is the name of a public key", "name the private one .pem")
    return public_path


def _parse_private(data: bytes, secret: bytes | None, where: str) -> Ed25519PrivateKey:
    if b"PUBLIC KEY-----" in data:
        raise KeyFileError(f"{where} is a public key, signing needs the private one")
    try:
        key = serialization.load_pem_private_key(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if secret is not None:
            raise KeyFileError(f"{where} cannot be opened: wrong passphrase or damaged file") from None
        raise KeyFileError(f"{where} is not a private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.strip("_")
        raise KeyFileError(f"{where} is not an Ed25519 key ({kind})", "make one with `ophion keys new`")
    return key
