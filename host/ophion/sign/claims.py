"""What an image says about itself beside MCUboot's fields: chain, hardware, MicroPython (SPEC.md 8.2)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.claims import CHAIN, HARDWARE, RUNTIME, Claims

from ophion.errors import UsageError
from ophion.versions import parse_version


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
