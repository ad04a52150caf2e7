"""Sealed patches (SPEC.md 12.7): between encrypted images, made here, opened by the device's own code."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from ophion_boot.core.sealed_patching import SealedStream
from ophion_boot.core.secret import Secret
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.delta import HEADER_BYTES, Header
from ophion_boot.fmt.sealed import BLOCK_BYTES, MAGIC, TAG_BYTES, Prefix, block_text, make_prefix
from ophion_boot.fmt.wrapped import wrapped_value

from ophion.delta.encoder import SEGMENT_BYTES
from ophion.delta.patch import make_patch
from ophion.errors import PatchError
from ophion.package.aes import Aes
from ophion.package.image import ImageFile

DecryptKey = tuple[bytes, int, bytes]
"""A private key that opens images: `ophion.keys.DeviceKey.entry`."""
_NONCE_BYTES = 8
_NONCE_TEXT = b"ophion nonce"
_NO_ZEROS = bytes(7) + b"\1"


class OpenImage:
    """An image with its payload in the clear: `data`, and its content `key`, empty for a plain image.

    Raises PatchError when none of `enc_keys` opens it; `name` says which image that is.
    """

    def __init__(self, image: ImageFile, enc_keys: Sequence[DecryptKey], name: str) -> None:
        self.data = image.image
        self.key = b""
        if not image.aes_bits:
            return
        if not enc_keys:
            raise PatchError(
                f"the {name} image is encrypted, and its patch is made of what is in it",
                "give a private key that it is encrypted to with --enc-key",
            )
        secret = _secret(enc_keys)
        try:
            seal = secret.choose(image.wrapped(), image.header_size, image.payload_size)
            self.key = secret.content(seal)
        except ValueError as error:
            raise PatchError(f"no key that was given opens the {name} image: {error}") from None
        buffer = bytearray(image.image)
        cipher = secret.cipher(seal)
        assert cipher is not None
        cipher.xor(buffer, 0)
        for data in (bytes(buffer), image.image):  # as it is uploaded, or as it runs
            if hashlib.sha256(data[: image.signed_size]).digest() == image.hash:
                self.data = data
                return
        raise PatchError(f"the {name} image is damaged: its SHA-256 is not the one in its TLV")


def seal_patch(
    old: ImageFile | None,
    new: ImageFile,
    enc_keys: Sequence[DecryptKey],
    *,
    small: bool = False,
    segment_bytes: int = SEGMENT_BYTES,
) -> bytes:
    """The sealed patch that makes the encrypted image `new` of `old`, or of nothing.

    `small` and `segment_bytes` are those of `make_patch`. Raises PatchError, also when no key opens an image.
    """
    after = OpenImage(new, enc_keys, "new")
    if after.data == new.image:
        raise PatchError(
            "the new image is not encrypted, though it says so", "give it as `ophion sign` wrote it"
        )
    before = OpenImage(old, enc_keys, "old") if old else None
    patch = make_patch(before.data if before else b"", after.data, small=small, segment_bytes=segment_bytes)
    header = Header(patch)
    header.new_hash = hashlib.sha256(new.image).digest()[: len(header.new_hash)]
    patch = header.pack() + patch[HEADER_BYTES:]
    wrapped = new.wrapped_tlv()
    assert wrapped is not None
    tag_key = (before.key if before else b"") + after.key
    nonce = _nonce(tag_key, patch)
    prefix = make_prefix(
        len(after.key), nonce, new.header_size, new.payload_size, wrapped.kind, wrapped.value
    )
    made = prefix + _blocks(prefix, patch, tag_key, after.key)
    if unseal_patch(made, enc_keys, before.key if before else b"") != patch:
        raise AssertionError("the sealed patch does not open")
    return made


def unseal_patch(sealed: bytes, enc_keys: Sequence[DecryptKey], base_key: bytes = b"") -> bytes:
    """The patch in a sealed one; `base_key` is the content key of the old image if that is encrypted.

    Raises PatchError with the reason that a device has.
    """
    try:
        stream = SealedStream((len(sealed), b"", sealed))
        rest = memoryview(sealed)[stream.put(memoryview(sealed)) :]
        prefix = stream.prefix
        secret = _secret(enc_keys)
        content = secret.content(secret.choose(stream.recipients(), prefix.start, prefix.payload))
        stream.stream = secret.stream(content, prefix.counter)
        out = bytearray()
        while len(rest):
            rest = rest[stream.put(rest) :]
            if not stream.number:
                stream.unlock((base_key if stream.has_base() else b"") + content)
            stream.open_block()
            out += stream.clear
            stream.next()
    except ValueError as error:
        raise PatchError(f"sealed patch: {error}") from None
    return bytes(out)


def is_sealed(data: bytes) -> bool:
    """True for bytes that begin as a sealed patch does."""
    return data.startswith(MAGIC)


def describe_sealed(sealed: bytes) -> dict[str, Any]:
    """What of a sealed patch is in the clear, as values that JSON can hold. Raises PatchError."""
    try:
        prefix = Prefix(sealed)
        inner = prefix.inner(len(sealed))
        value = sealed[prefix.size - prefix.length : prefix.size]
        found = wrapped_value(prefix.kind, value, prefix.key_size)
    except FormatError as error:
        raise PatchError(str(error)) from None
    return {
        "size": len(sealed),
        "sealed": {
            "aes_bits": 8 * prefix.key_size,
            "payload": {"offset": prefix.start, "size": prefix.payload},
            "recipients": [{"key": key_id.hex(), "type": kind} for key_id, kind, _ in found],
            "prefix": prefix.size,
            "patch": inner,
        },
    }


def _secret(enc_keys: Sequence[DecryptKey]) -> Secret:
    return Secret(list(enc_keys), Aes)


def _nonce(tag_key: bytes, patch: bytes) -> bytes:
    """Another one for each patch, and the same for the same: so an upload can go on when it is made again.

    Never zeros: those are the image's own key stream.
    """
    nonce = hmac.digest(tag_key, _NONCE_TEXT + patch, "sha256")[:_NONCE_BYTES]
    return nonce if any(nonce) else _NO_ZEROS


def _blocks(prefix: bytes, patch: bytes, tag_key: bytes, content: bytes) -> bytes:
    digest = hashlib.sha256(prefix).digest()
    data = bytearray(patch)
    Secret((), Aes).stream(content, Prefix(prefix).counter).xor(data, 0)
    made = bytearray()
    for number, at in enumerate(range(0, len(data), BLOCK_BYTES)):
        block = bytes(data[at : at + BLOCK_BYTES])
        made += block + hmac.digest(tag_key, block_text(digest, number, block), "sha256")[:TAG_BYTES]
    return bytes(made)
