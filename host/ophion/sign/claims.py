"""What an image says about itself beside MCUboot's fields: which hardware and which MicroPython it is for."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ophion.errors import UsageError
from ophion.versions import parse_version

CHAIN, HARDWARE, RUNTIME = 0x01A0, 0x01A1, 0x01A2
_HARDWARE_MAX = 64


def claim_tlvs(chain: bytes = b"", hardware: Sequence[str] = (), runtime: str = "") -> dict[int, bytes]:
    """The vendor TLVs for `SignOptions.custom_tlvs`.

    `chain` is the bytes of a chain, `hardware` the hardware ids that the image is for (none: any), `runtime`
    the least MicroPython version, `X.Y.Z`. Raises UsageError for what a device would refuse to read.
    """
    found: dict[int, bytes] = {}
    if chain:
        found[CHAIN] = chain
    if hardware:
        names = ",".join(hardware)
        plain = all(0x20 < ord(char) < 0x7F for char in names)
        if "" in names.split(",") or len(names) > _HARDWARE_MAX or not plain:
            raise UsageError(f"hardware ids are not 1 to {_HARDWARE_MAX} printable characters")
        found[HARDWARE] = names.encode()
    if runtime:
        version = parse_version(runtime)
        found[RUNTIME] = struct.pack("<BBH", version.major, version.minor, version.revision)
    return found
