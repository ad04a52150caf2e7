"""Who signs: a `Signer` holds or reaches a private key, and nothing else in Ophion sees one.

A signer is named by a URI:

    file:PATH, or just PATH     a PEM file, with or without passphrase (`ophion.keys.file_signer`)
    pkcs11:token=...;object=... a key in a PKCS#11 token (RFC 7512; `ophion.keys.hsm`)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ophion.errors import UsageError
from ophion.files import read_file
from ophion.keys.file_signer import FileSigner
from ophion.keys.public import PublicKey, load_public
from ophion.keys.sample import refuse_sample

Passphrase = Callable[[], bytes]
"""Asked only when a key needs it, and once; returns the passphrase of a file or the PIN of a token."""


class Signer(Protocol):
    """A private key that can be used but not read; `public.algorithm` says of which kind."""

    @property
    def public(self) -> PublicKey:
        """The public half: `.der` is SubjectPublicKeyInfo, `.algorithm` the kind of key."""

    def sign(self, message: bytes) -> bytes:
        """Sign `message` as the standard of the algorithm says: with SHA-256 for P-256 and RSA."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest (32 bytes) as MCUboot wants it for an image.

        P-256 and RSA take it as the digest of the message, Ed25519 as the message itself.
        """


def open_signer(
    uri: str, passphrase: Passphrase | None = None, *, allow_sample: bool | None = None
) -> Signer:
    """Return the signer that `uri` names.

    Raises UsageError for a scheme nobody serves or a URI that says too little, KeyFileError for an
    unusable key, also for a published sample key unless `allow_sample` (None: the environment's
    `OPHION_ALLOW_TEST_KEYS=1`).
    """
    scheme, rest = split_uri(uri)
    signer: Signer
    if scheme == "pkcs11":
        from ophion.keys.hsm import Pkcs11Signer

        signer = Pkcs11Signer.open(uri, passphrase)
    else:
        signer = FileSigner.load(rest, passphrase)
    refuse_sample(signer.public, allow_sample)
    return signer


def open_public(uri: str, passphrase: Passphrase | None = None) -> PublicKey:
    """Return the public half of what `uri` names: a public or private key file, or a key in a token.

    Raises as `open_signer` does, but takes sample keys: whoever trusts one must call `refuse_sample`.
    """
    scheme, rest = split_uri(uri)
    if scheme == "pkcs11":
        from ophion.keys.hsm import Pkcs11Signer

        return Pkcs11Signer.open(uri, passphrase).public
    if passphrase is not None and b"ENCRYPTED" in read_file(rest, "key"):
        return FileSigner.load(rest, passphrase).public
    return load_public(rest)


def split_uri(uri: str) -> tuple[str, str]:
    """`(scheme, rest)` of a key's URI; a path has the scheme "file". Raises UsageError for another scheme."""
    scheme, colon, rest = uri.partition(":")
    if not colon or len(scheme) == 1 or "/" in scheme:  # no scheme, or a Windows drive letter
        return "file", uri
    if scheme not in ("file", "pkcs11"):
        raise UsageError(f"no signer for {scheme}: keys", "give a file (file:PATH or PATH) or a pkcs11: URI")
    if scheme == "file" and not rest:
        raise UsageError("file: names no file", "give file:PATH or PATH")
    return scheme, rest
