"""Keys and signatures in the forms that images carry them, as imgtool's own classes."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from imgtool.keys import ECDSA256P1Public, Ed25519Public, RSAPublic, X25519Public

from ophion.errors import KeyFileError, UsageError
from ophion.keys import Algorithm, PublicKey, Recipient

_HALF_BYTES = 32
IMAGE_KEYS = {
    Algorithm.ED25519: Ed25519Public,
    Algorithm.P256: ECDSA256P1Public,
    Algorithm.RSA2048: RSAPublic,
    Algorithm.RSA3072: RSAPublic,
}
"""The types of key that sign images, and imgtool's class for each."""


def imgtool_public(public: PublicKey) -> Any:
    """imgtool's object for `public`, which knows the type of its signature TLV.

    Raises UsageError for RSA-4096: imgtool 2.5.0 has no TLV type for its signatures.
    """
    kind = IMAGE_KEYS.get(public.algorithm)
    if kind is None:
        raise UsageError(
            f"MCUboot images have no signature of type {public.algorithm.value}",
            "sign images with " + ", ".join(item.value for item in IMAGE_KEYS),
        )
    return kind(load_der_public_key(public.der))


def imgtool_recipient(recipient: Recipient) -> Any:
    """imgtool's object for the key that an image is encrypted to."""
    kind = X25519Public if recipient.kind == "x25519" else ECDSA256P1Public
    return kind(load_der_public_key(recipient.der))


def read_signature(data: bytes, public: PublicKey, digest: bytes) -> bytes:
    """The signature in `data` in the form that an image carries, when it is by `public` over `digest`.

    `data` is what outside signers write: the signature itself, or its base64 (as `imgtool sign --sig-out`
    writes it); for P-256 in DER, or the two numbers of 32 bytes side by side (PKCS#11, JOSE).
    Raises KeyFileError when it is none of these over this digest.
    """
    for candidate in _candidates(data, public.algorithm):
        try:
            public.verify_digest(candidate, digest)
        except KeyFileError:
            continue
        return candidate
    raise KeyFileError(
        f"the signature is not by this key over the digest {digest.hex()}",
        "the payload, the version and all options must be those of --export-digest",
    )


def _candidates(data: bytes, algorithm: Algorithm) -> list[bytes]:
    found = [data]
    with suppress(binascii.Error):
        found.append(base64.b64decode(b"".join(data.split()), validate=True))
    if algorithm is Algorithm.P256:
        for both in [item for item in found if len(item) == 2 * _HALF_BYTES]:
            r, s = (int.from_bytes(half, "big") for half in (both[:_HALF_BYTES], both[_HALF_BYTES:]))
            found.append(encode_dss_signature(r, s))
    return found
