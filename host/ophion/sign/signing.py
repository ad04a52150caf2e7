"""A payload becomes a signed MCUboot image, made by imgtool as a library.

imgtool lays the image out twice: first without a signature to learn the digest, then, after somebody has
signed that digest, with the signature (imgtool's way for keys it cannot see). So every signer, also one that
never shows its key and one that is far away, gives what `imgtool sign` gives with the same key.
"""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path

import click
from imgtool.image import Image as ImgtoolImage
from imgtool.version import SemiSemVersion

from ophion.errors import InputError, UsageError
from ophion.files import read_file, write_file
from ophion.keys import PublicKey, Recipient, Signer
from ophion.sign.claims import early_area
from ophion.sign.formats import imgtool_public, imgtool_recipient
from ophion.sign.options import HEADER_BYTES, SignOptions
from ophion.sign.recipients import Carrier, check_recipients
from ophion.versions import Version

ALIGN_BYTES = 4


def sign(payload: bytes, version: Version, signer: Signer, options: SignOptions | None = None) -> bytes:
    """Return the image: header, payload, protected TLVs, SHA-256, KEYHASH and signature.

    What is signed is `image_digest`, which is what MCUboot checks by default.
    Raises InputError (empty payload, larger than `max_size`), UsageError (an option out of range, a type of
    key that images cannot carry) or KeyFileError (the signer fails).
    """
    options = replace(options or SignOptions(), key_hash=signer.public.keyhash)
    imgtool_public(signer.public)
    signature = signer.sign_digest(image_digest(payload, version, options))
    return assemble(payload, version, signer.public, signature, options)


def image_digest(payload: bytes, version: Version, options: SignOptions | None = None) -> bytes:
    """The 32 bytes that are signed: SHA-256 of header, payload and protected TLVs.

    It is the same for every key, and what `imgtool sign --vector-to-sign digest` writes. Raises as `sign`.
    """
    return bytes(_layout(payload, version, options or SignOptions(), None, b"").image_hash)


def assemble(
    payload: bytes, version: Version, public: PublicKey, signature: bytes, options: SignOptions | None = None
) -> bytes:
    """Return the image with a `signature` that was made elsewhere over its `image_digest`.

    Raises as `sign`, and KeyFileError when the signature is not by `public` over this image.
    """
    options = options or SignOptions()
    carrier = Carrier() if len(options.recipients) > 1 else None
    laid = _layout(payload, version, options, public, signature, carrier.recipient if carrier else None)
    public.verify_digest(signature, bytes(laid.image_hash))
    image = bytes(laid.payload)
    if carrier:
        image = carrier.hand_over(image, _signed_size(image), options.recipients)
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
    if path.is_file() and not force:
        if read_file(path, "output") == image:
            return
        raise UsageError(
            f"{path} exists, with another content, and is not overwritten",
            "give the new one a version of its own (ophion.toml), or --force to replace it",
        )
    write_file(path, image, overwrite=force)


def _signed_size(image: bytes) -> int:
    header, protected, payload = struct.unpack_from("<HHI", image, 8)
    return int(header + protected + payload)


def _layout(
    payload: bytes,
    version: Version,
    options: SignOptions,
    public: PublicKey | None,
    signature: bytes,
    carrier: Recipient | None = None,
) -> ImgtoolImage:
    """imgtool's image; without `public` only its digest is of use. `carrier` stands for all recipients."""
    if not payload:
        raise InputError("the payload is empty")
    options.check()
    check_recipients(options.recipients)
    chosen = carrier or next(iter(options.recipients), None)
    recipient = imgtool_recipient(chosen) if chosen else None
    image = ImgtoolImage(
        version=SemiSemVersion(*version),
        header_size=options.header_size,
        pad_header=True,
        align=ALIGN_BYTES,
        security_counter=options.security_counter,
    )
    try:
        image.load_compressed(payload, b"")
        room = options.header_size - HEADER_BYTES
        early = early_area(options.custom_tlvs, options.security_counter, room, options.key_hash)
        if early:
            loaded = bytes(image.payload)
            image.payload = loaded[:HEADER_BYTES] + early + loaded[HEADER_BYTES + len(early) :]
        image.create(
            None,
            "hash",
            recipient,
            dependencies=_dependencies(options),
            custom_tlvs=dict(options.custom_tlvs) or None,
            encrypt_keylen=options.aes_bits,
            fixed_sig={"value": signature} if public else None,
            pub_key=imgtool_public(public) if public else None,
        )
    except click.ClickException as error:
        raise UsageError(f"imgtool refuses: {error.format_message()}") from None
    return image


def _dependencies(options: SignOptions) -> dict[str, list[object]] | None:
    if not options.dependencies:
        return None
    return {
        "images": [item.image for item in options.dependencies],
        "versions": [SemiSemVersion(*item.version) for item in options.dependencies],
    }
