"""One ciphertext for several devices: the content key wrapped for each of them, in a TLV of ours.

imgtool encrypts to one key. For several, it encrypts to a key that is made for the moment; the content key
is taken out with that and wrapped for everybody (MCUboot ECIES; bootloader/SPEC.md 9.3).
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from ophion_boot.fmt.wrapped import EC256, ID_BYTES, RECIPIENTS, RECIPIENTS_MAX, X25519

from ophion.errors import UsageError
from ophion.keys import Recipient

_INFO = b"MCUBoot_ECIES_v1"
_MAC_BYTES = 32
_POINT_BYTES = 32
_TLV = "<HH"
_INFO_BYTES = 4


class Carrier:
    """A recipient made for the moment, whose private half gets the content key out again."""

    def __init__(self) -> None:
        self._private = x25519.X25519PrivateKey.generate()

    @property
    def recipient(self) -> Recipient:
        """What imgtool encrypts to."""
        der = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return Recipient("x25519", der)

    def hand_over(self, image: bytes, signed_size: int, recipients: Sequence[Recipient]) -> bytes:
        """The `image` that was encrypted to the carrier, with a list of `recipients` instead of it.

        `signed_size` is where its unprotected TLVs begin; the wrapped key is the last of them.
        """
        start = self._wrapped_at(image, signed_size)
        content = self._unwrap(image[start + 4 :])
        value = b"".join(
            one.keyhash[:ID_BYTES] + bytes((_kind(one),)) + wrap(content, one) for one in recipients
        )
        body = image[signed_size + _INFO_BYTES : start] + struct.pack(_TLV, RECIPIENTS, len(value)) + value
        info = image[signed_size : signed_size + 2] + struct.pack("<H", _INFO_BYTES + len(body))
        return image[:signed_size] + info + body

    @staticmethod
    def _wrapped_at(image: bytes, signed_size: int) -> int:
        at = signed_size + _INFO_BYTES
        while at < len(image):
            kind, size = struct.unpack_from(_TLV, image, at)
            if at + 4 + size == len(image) and kind == X25519:
                return at
            at += 4 + size
        raise AssertionError("imgtool put the wrapped key elsewhere")

    def _unwrap(self, blob: bytes) -> bytes:
        public = x25519.X25519PublicKey.from_public_bytes(blob[:_POINT_BYTES])
        wrapped = blob[_POINT_BYTES + _MAC_BYTES :]
        key, _ = _derive(self._private.exchange(public), len(wrapped))
        return _ctr(key, wrapped)


def check_recipients(recipients: Sequence[Recipient]) -> None:
    """Raise UsageError for more than a device's parser takes, or for one twice."""
    if len(recipients) > RECIPIENTS_MAX:
        raise UsageError(f"{len(recipients)} keys to encrypt to, more than {RECIPIENTS_MAX}")
    if len({one.keyhash for one in recipients}) < len(recipients):
        raise UsageError("a key to encrypt to is given twice")


def wrap(content: bytes, recipient: Recipient) -> bytes:
    """The content key for `recipient`: ephemeral public key, HMAC of the encrypted key, encrypted key."""
    theirs = load_der_public_key(recipient.der)
    if isinstance(theirs, x25519.X25519PublicKey):
        mine = x25519.X25519PrivateKey.generate()
        point, shared = mine.public_key().public_bytes_raw(), mine.exchange(theirs)
    else:
        assert isinstance(theirs, ec.EllipticCurvePublicKey)
        own = ec.generate_private_key(ec.SECP256R1())
        point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        shared = own.exchange(ec.ECDH(), theirs)
    key, mac_key = _derive(shared, len(content))
    wrapped = _ctr(key, content)
    return point + hmac.digest(mac_key, wrapped, "sha256") + wrapped


def _kind(recipient: Recipient) -> int:
    return int(X25519 if recipient.kind == "x25519" else EC256)


def _derive(shared: bytes, size: int) -> tuple[bytes, bytes]:
    okm = HKDF(hashes.SHA256(), size + _MAC_BYTES, None, _INFO).derive(shared)
    return okm[:size], okm[size:]


def _ctr(key: bytes, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return cipher.update(data) + cipher.finalize()
