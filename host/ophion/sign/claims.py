"""What an image says about itself beside MCUboot's fields: chain, hardware, MicroPython (SPEC.md 8.2)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.claims import CHAIN, COUNTER, EARLY_MAGIC, HARDWARE, RUNTIME, SIGNER, Claims

from ophion.errors import UsageError
from ophion.versions import parse_version


def early_area(tlvs: Mapping[int, bytes], counter: int | None, room: int, signer: bytes = b"") -> bytes:
    """What a header with `room` bytes behind its 32 repeats of the claims; empty when there is no room or no
    claim of ours. A device refuses an upload by it before it erases anything (SPEC.md 8.2).

    `signer` is the hash of the signing key, left out where only that does not fit.
    """
    if not any(kind in tlvs for kind in (CHAIN, HARDWARE, RUNTIME)):
        return b""  # an image as imgtool makes it
    entries = [(kind, value) for kind, value in tlvs.items() if kind in (HARDWARE, RUNTIME)]
    if counter is not None:
        entries.insert(0, (COUNTER, struct.pack("<I", counter)))
    areas = [_area(entries)] if entries else []
    if signer:
        areas.insert(0, _area([*entries, (SIGNER, signer)]))
    return next((area for area in areas if len(area) <= room), b"")


def _area(entries: Sequence[tuple[int, bytes]]) -> bytes:
    body = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in entries)
    return struct.pack("<HH", EARLY_MAGIC, 4 + len(body)) + body


def claim_tlvs(chain: bytes = b"", hardware: Sequence[str] = (), runtime: str = "") -> dict[int, bytes]:
    """The vendor TLVs for `SignOptions.custom_tlvs`.

    `chain` is the bytes of a chain, `hardware` the hardware ids that the image is for (none: any), `runtime`
    the least MicroPython version, `X.Y.Z`. Raises UsageError for what a device would refuse to read.
    """
    found: dict[int, bytes] = {}
    if chain:
        found[CHAIN] = chain
    if hardware:
        found[HARDWARE] = ",".join(hardware).encode()
    if runtime:
        version = parse_version(runtime)
        found[RUNTIME] = struct.pack("<BBH", version.major, version.minor, version.revision)
    try:
        Claims(list(found.items()))
    except FormatError as error:
        raise UsageError(str(error)) from None
    return found
