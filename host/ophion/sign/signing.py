"""A payload becomes a signed MCUboot image, made by imgtool as a library.

imgtool lays the image out twice: first with an empty signature to learn the digest, then, after
the `Signer` has
signed that digest, with the real one (imgtool's way for keys it cannot see). So every signer, also one that
never shows its key, gives what `imgtool sign` gives with the same key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from imgtool.image import Image as ImgtoolImage
from imgtool.keys import Ed25519Public
from imgtool.version import SemiSemVersion

from ophion.errors import InputError, UsageError
from ophion.files import read_file, write_file
from ophion.keys import Signer
from ophion.versions import Version

HEADER_BYTES = 0x20
HEADER_MAX_BYTES = 0xFFFF
ALIGN_BYTES = 4
SIGNATURE_BYTES = 64
COUNTER_MAX = 0xFFFFFFFF
PROTECTED_MAX_BYTES = 0xFFFF
CUSTOM_TLV_MIN = 0xA0
CUSTOM_TLV_MAX = 0xFFFE


@dataclass(frozen=True)
class Dependency:
    """Image number `image` must be at least `version` (MCUboot DEPENDENCY TLV)."""

    image: int
    version: Version


@dataclass(frozen=True)
class SignOptions:
    """What goes into an image beside payload, version and signature.

    header_size       bytes before the payload, at least 32; the part above 32 is filled with 0xff
    security_counter  value of the SEC_CNT TLV, None for no such TLV
    dependencies      DEPENDENCY TLVs
    custom_tlvs       vendor TLVs, type (low byte 0xa0..0xfe) -> value, signed like the payload
    max_size          refuse to make an image of more bytes than this (what the slot takes), None for any
    """

    header_size: int = HEADER_BYTES
    security_counter: int | None = None
    dependencies: Sequence[Dependency] = ()
    custom_tlvs: Mapping[int, bytes] = field(default_factory=dict)
    max_size: int | None = None

    def with_counter(self, counter: int) -> SignOptions:
        """The same with this security counter."""
        return replace(self, security_counter=counter)


def sign(payload: bytes, version: Version, signer: Signer, options: SignOptions | None = None) -> bytes:
    """Return the image: header, payload, protected TLVs, SHA-256, KEYHASH and Ed25519 signature.

    The signature is Ed25519 over the 32-byte digest, which is what MCUboot checks by default.
    Raises InputError (empty payload, larger than `max_size`) or UsageError (an option out of range).
    """
    options = options or SignOptions()
    _check(payload, options)
    draft = _layout(payload, version, signer, options, bytes(SIGNATURE_BYTES))
    signature = signer.sign(bytes(draft.image_hash))
    image = bytes(_layout(payload, version, signer, options, signature).payload)
    if options.max_size is not None and len(image) > options.max_size:
        raise InputError(
            f"the image would be {len(image)} bytes, the slot takes {options.max_size}",
            f"make the payload {len(image) - options.max_size} bytes smaller",
        )
    return image


def write_image(
    target: str | os.PathLike[str], image: bytes, payload: str | os.PathLike[str], *, force: bool = False
) -> None:
    """Write `image` to `target`; a different file there is replaced only with `force`.

    `payload` is the file it was made of, which is never replaced. Raises UsageError or InputError.
    """
    path = Path(target)
    if path.resolve() == Path(payload).resolve():
        raise UsageError(f"{path} is the payload itself", "choose another name with --out")
    if path.is_file() and not force and read_file(path, "output") == image:
        return
    write_file(path, image, overwrite=force)


def _layout(
    payload: bytes, version: Version, signer: Signer, options: SignOptions, signature: bytes
) -> ImgtoolImage:
    image = ImgtoolImage(
        version=SemiSemVersion(*version),
        header_size=options.header_size,
        pad_header=True,
        align=ALIGN_BYTES,
        security_counter=options.security_counter,
    )
    dependencies = None
    if options.dependencies:
        dependencies = {
            "images": [item.image for item in options.dependencies],
            "versions": [SemiSemVersion(*item.version) for item in options.dependencies],
        }
    try:
        image.load_compressed(payload, b"")
        image.create(
            None,
            "hash",
            None,
            dependencies=dependencies,
            custom_tlvs=dict(options.custom_tlvs) or None,
            fixed_sig={"value": signature},
            pub_key=Ed25519Public(Ed25519PublicKey.from_public_bytes(signer.public.raw)),
        )
    except click.ClickException as error:
        raise UsageError(f"imgtool refuses: {error.format_message()}") from None
    return image


def _check(payload: bytes, options: SignOptions) -> None:
    if not payload:
        raise InputError("the payload is empty")
    if not HEADER_BYTES <= options.header_size <= HEADER_MAX_BYTES:
        raise UsageError(f"header size {options.header_size} is not {HEADER_BYTES}..{HEADER_MAX_BYTES}")
    counter = options.security_counter
    if counter is not None and not 0 <= counter <= COUNTER_MAX:
        raise UsageError(f"security counter {counter} is not 0..{COUNTER_MAX}")
    for dependency in options.dependencies:
        if not 0 <= dependency.image <= 0xFF:
            raise UsageError(f"dependency on image {dependency.image}: not 0..255")
    total = sum(4 + len(value) for value in options.custom_tlvs.values())
    for kind in options.custom_tlvs:
        if not CUSTOM_TLV_MIN <= kind <= CUSTOM_TLV_MAX or not 0xA0 <= kind & 0xFF <= 0xFE:
            raise UsageError(f"custom TLV {kind:#06x}: vendor types have a low byte of 0xa0 to 0xfe")
    if total + 16 * len(options.dependencies) + 12 > PROTECTED_MAX_BYTES:
        raise UsageError(f"the protected TLVs take {total} bytes, more than a header can say")
