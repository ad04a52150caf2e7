"""Patches between two images: made here, applied by the device's own decoder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ophion_boot.core.delta import Decoder, DeltaError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.delta import HEADER_BYTES, TABLE_BITS, Header, make_header

from ophion.delta.encoder import SEGMENT_BYTES, encode
from ophion.delta.matching import find_path
from ophion.errors import PatchError


def make_patch(
    old: bytes, new: bytes, *, small: bool = False, segment_bytes: int = SEGMENT_BYTES
) -> bytes:
    """The patch that turns `old` into `new`; `small` is for devices with 8 KiB less heap to spare.

    It is written in segments of about `segment_bytes` (16384 at most); a device may go on at each after a reset.

    It has been applied once before it is returned. Raises PatchError for an empty or too large image.
    """
    bits = TABLE_BITS[0] if small else TABLE_BITS[1]
    try:
        header = make_header(
            bits, len(old), hashlib.sha256(old).digest(), len(new), hashlib.sha256(new).digest()
        )
    except FormatError as error:
        raise PatchError(str(error)) from None
    patch = header.pack() + encode(old, new, find_path(old, new), bits, segment_bytes)
    if apply_patch(old, patch) != new:
        raise AssertionError("the patch does not make the new image")
    return patch


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
