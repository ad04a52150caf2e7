"""Who may read an encrypted image: the public half of a device's decryption key."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from ophion.errors import KeyFileError
from ophion.files import read_file
from ophion.keys.public import load_any
from ophion.keys.sample import refuse_hash


@dataclass(frozen=True)
class Recipient:
    """A public key to encrypt to: `kind` is "x25519" or "ecdsa-p256" (imgtool's names), `der` its SPKI."""

    kind: str
    der: bytes

    @property
    def keyhash(self) -> bytes:
        """SHA-256 over the DER form, 32 bytes."""
        return hashlib.sha256(self.der).digest()


def load_recipient(path: str | os.PathLike[str], *, allow_sample: bool | None = None) -> Recipient:
    """Read the public key that `path` holds: PEM (public, or private without passphrase) or DER.

    Raises InputError (no file) or KeyFileError (another kind of key, or one whose private half is published).
    """
    from cryptography.hazmat.primitives.asymmetric import ec, x25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    where = os.fspath(path)
    key = load_any(read_file(path, "recipient's key"), where)
    if isinstance(key, x25519.X25519PublicKey):
        kind = "x25519"
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        kind = "ecdsa-p256"
    else:
        name = type(key).__name__.strip("_")
        raise KeyFileError(f"{where} is not an X25519 or P-256 key ({name})", "devices decrypt with those")
    found = Recipient(kind, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    hint = f"make your own with `imgtool keygen -t {kind}`"
    refuse_hash(found.keyhash, "anyone can read what is encrypted to it", hint, allow_sample)
    return found
