"""Patches between two images: made here, applied by the device's own decoder."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import Any

from ophion_boot.core.delta import Decoder, DeltaError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.delta import HEADER_BYTES, MAGIC, SECTOR, TABLE_BITS, Header, make_header
from ophion_boot.fmt.sealed import MAGIC as SEALED_MAGIC

from ophion.delta.checking import SHORT, apply_on_micropython
from ophion.delta.encoder import SEGMENT_BYTES, encode
from ophion.delta.matching import find_path, residue
from ophion.delta.packed import pack
from ophion.errors import PatchError
from ophion.package import ImageFile

_SEGMENT_HEAD_BYTES = 4
_LONG = 96 * 1024
_WORTH_IT = 0.9


def make_patch(old: bytes, new: bytes, *, small: bool = False, segment_bytes: int = SEGMENT_BYTES) -> bytes:
    """The patch that turns `old` into `new`; `small` is for devices with less heap to spare: 8 KiB, or 4.

    Without a single byte of `old` it is the whole image, compressed. It is written in segments of about
    `segment_bytes` (16384 at most), compressed ones of 8 KiB; a device may go on at each of them after a
    reset. It has been applied once before it is returned. Raises PatchError for an image that is empty or
    larger than 16 MiB, and where a long patch would be no smaller than without `old`.
    """
    bits = TABLE_BITS[0] if small else TABLE_BITS[1]
    try:
        header = make_header(
            bits, len(old), hashlib.sha256(old).digest(), len(new), hashlib.sha256(new).digest()
        )
    except FormatError as error:
        raise PatchError(str(error)) from None
    body = _coded(old, new, bits, segment_bytes) if old else pack(new, bits)
    patch = header.pack() + body
    made = apply_on_micropython(old, patch) if len(patch) >= SHORT and old else None
    if (apply_patch(old, patch) if made is None else made) != new:
        raise AssertionError("the patch does not make the new image")
    return patch


def _coded(old: bytes, new: bytes, bits: int, segment_bytes: int) -> bytes:
    """The segments of a patch from `old`; coding what `old` does not have takes 10 s per MiB."""
    path = find_path(old, new)
    estimated = len(zlib.compress(residue(old, new, path), 1))
    if estimated > _LONG and estimated > _WORTH_IT * len(pack(new, bits)):
        raise PatchError(
            f"the old image has too little of the new one: a patch would have some {estimated} bytes",
            "send the new image without an old one (ophion delta --no-base), or as it is",
        )
    return encode(old, new, path, bits, segment_bytes)


def make_image_patch(
    old: ImageFile | None,
    new: ImageFile,
    *,
    small: bool = False,
    enc_keys: Sequence[tuple[bytes, int, bytes]] = (),
) -> bytes:
    """The patch between two signed images, or for any device; see `make_patch`.

    For an encrypted `new` it is a sealed patch (SPEC.md 12.7), and `enc_keys` are private keys that open the
    images (`ophion.keys.DeviceKey.entry`). Raises PatchError, also for a plain image after an encrypted one,
    or when no key opens an image.
    """
    if new.aes_bits:
        from ophion.delta.sealed import seal_patch

        return seal_patch(old, new, enc_keys, small=small)
    if old and old.aes_bits:
        raise PatchError(
            "the old image is encrypted, the new one is not: what they share would be sent in the clear",
            "push the new image as it is, or make its patch with --no-base",
        )
    return make_patch(old.image if old else b"", new.image, small=small)


def apply_patch(old: bytes, patch: bytes) -> bytes:
    """What a device makes of `old` and `patch`. Raises PatchError with the device's reason."""
    out = bytearray()

    def read(at: int, buf: memoryview) -> None:
        buf[:] = old[at : at + len(buf)]

    try:
        header = Header(patch)
        header.check_base(len(old), hashlib.sha256(old).digest())
        decoder = Decoder(header, read, out.extend)
        decoder.feed(memoryview(patch)[HEADER_BYTES:])
        decoder.finish()
        header.check_result(hashlib.sha256(out).digest())
    except (FormatError, DeltaError) as error:
        raise PatchError(str(error)) from None
    return bytes(out)


def is_patch(data: bytes) -> bool:
    """True for bytes that begin as a patch does, sealed or not."""
    return data.startswith((MAGIC, SEALED_MAGIC))


def describe_patch(patch: bytes) -> dict[str, Any]:
    """What `patch` needs and makes, as values that JSON can hold; sizes and offsets in bytes.

    Of a sealed patch: who can read it, and what it is for. Raises PatchError for what is no whole patch.
    """
    if patch.startswith(SEALED_MAGIC):
        from ophion.delta.sealed import describe_sealed

        return describe_sealed(patch)
    try:
        header = Header(patch)
    except FormatError as error:
        raise PatchError(str(error)) from None
    segments: list[dict[str, int]] = []
    at, made = HEADER_BYTES, 0
    while made < header.new_size:
        size = int.from_bytes(patch[at : at + 2], "little")
        end = int.from_bytes(patch[at + 2 : at + 4], "little") * SECTOR or header.new_size
        if at + _SEGMENT_HEAD_BYTES + size > len(patch) or not made < end <= header.new_size:
            raise PatchError(f"the patch is damaged or cut off: segment at {at}")
        segments.append({"offset": at, "size": _SEGMENT_HEAD_BYTES + size, "from": made, "to": end})
        at += _SEGMENT_HEAD_BYTES + size
        made = end
    return {
        "size": len(patch),
        "old": {"size": header.old_size, "hash": header.old_hash.hex()},
        "new": {"size": header.new_size, "hash": header.new_hash.hex()},
        "table_bytes": (2 if header.old_size else 1) << header.table_bits,
        "segments": segments,
    }
