"""Who may read an encrypted image: a device's decryption key, the public half and the whole of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ophion_boot.fmt.wrapped import EC256, ID_BYTES, X25519

from ophion.errors import KeyFileError, UsageError
from ophion.files import read_file
from ophion.keys.file_signer import write_pair
from ophion.keys.public import load_any
from ophion.keys.sample import refuse_hash

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


@dataclass(frozen=True)
class Recipient:
    """A public key to encrypt to: `kind` is "x25519" or "ecdsa-p256" (imgtool's names), `der` its SPKI."""

    kind: str
    der: bytes

    @property
    def keyhash(self) -> bytes:
        """SHA-256 over the DER form, 32 bytes."""
        return hashlib.sha256(self.der).digest()


@dataclass(frozen=True)
class DeviceKey:
    """A device's private key for encrypted images; `private` is never shown.

    32 bytes: for X25519 as RFC 7748 has it, for P-256 the number, big-endian.
    """

    recipient: Recipient
    private: bytes = field(repr=False)

    @property
    def entry(self) -> tuple[bytes, int, bytes]:
        """What the layout of a device holds: key id, TLV type, private key (bootloader/SPEC.md 9.4)."""
        kind = X25519 if self.recipient.kind == "x25519" else EC256
        return self.recipient.keyhash[:ID_BYTES], kind, self.private


def generate_recipient(
    path: str | os.PathLike[str], *, passphrase: bytes | None = None, force: bool = False
) -> Recipient:
    """Make an X25519 key for a device, the public half beside it with suffix .pub; files and errors are those
    of `generate`.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = X25519PrivateKey.generate()
    form = PublicFormat.SubjectPublicKeyInfo
    write_pair(path, key, key.public_key().public_bytes(Encoding.PEM, form), passphrase, force)
    return Recipient("x25519", key.public_key().public_bytes(Encoding.DER, form))


def generate_device_key(
    kind: str, path: str | os.PathLike[str] | None = None, passphrase: bytes | None = None
) -> DeviceKey:
    """Make a device's private key of `kind` ("x25519", "ecdsa-p256") in memory.

    With `path` a copy is written there, encrypted with `passphrase`, in place of what is there.
    Raises UsageError for another kind or a copy without passphrase, InputError when it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, x25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key: x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey
    if kind == "x25519":
        key = x25519.X25519PrivateKey.generate()
    elif kind == "ecdsa-p256":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        raise UsageError(f"no such type of device key: {kind!r}", "x25519 or ecdsa-p256")
    form = PublicFormat.SubjectPublicKeyInfo
    if path is not None:
        if not passphrase:
            raise UsageError("a copy of a device's key needs a passphrase")
        write_pair(path, key, key.public_key().public_bytes(Encoding.PEM, form), passphrase, True)
    return DeviceKey(Recipient(kind, key.public_key().public_bytes(Encoding.DER, form)), _raw(key))


def load_device_key(path: str | os.PathLike[str], *, allow_sample: bool | None = None) -> DeviceKey:
    """Read the private key that `path` holds: PEM without passphrase.

    Raises InputError (no file) or KeyFileError (another kind of key, a public one, a published one).
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, x25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    where = os.fspath(path)
    found = load_recipient(path, allow_sample=allow_sample)
    try:
        key = load_pem_private_key(read_file(path, "device's key"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        hint = "a device needs the private half, without passphrase"
        raise KeyFileError(f"{where} is not a private key in PEM form", hint) from None
    assert isinstance(key, x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey)
    return DeviceKey(found, _raw(key))


def _raw(key: X25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    """The 32 bytes that a device keeps."""
    from cryptography.hazmat.primitives.asymmetric import x25519

    if isinstance(key, x25519.X25519PrivateKey):
        return key.private_bytes_raw()
    return key.private_numbers().private_value.to_bytes(32, "big")


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
    hint = f"make your own with `ophion keys new --type {kind}`"
    refuse_hash(found.keyhash, "anyone can read what is encrypted to it", hint, allow_sample)
    return found
