"""What an image says about itself in its protected TLVs: counter, chain, hardware, runtime (SPEC.md 8.2).

Types 0x01A0 to 0x01AF are Ophion's. One that is not known here is refused: it might be a restriction.
A header with room repeats them, all but the chain, so that an upload can be refused by its first bytes.
"""

import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import parse_tlvs

COUNTER, CHAIN, HARDWARE, RUNTIME = 0x50, 0x01A0, 0x01A1, 0x01A2
# Only in a header: the hash of the key that signs, which stands behind the payload otherwise.
SIGNER = 0x01A4
_OURS = const(0x01A0)
_OURS_MASK = const(0xFFF0)
_HARDWARE_MAX = const(64)
EARLY_MAGIC = 0x690A
EARLY_AT = 32
_PROTECTED_MAGIC = const(0x6908)


class Claims:
    """The claims of one image.

    `counter` is its security counter, None without one. `chain` is the bytes of its chain, empty without
    one. `hardware` is a list of hardware ids, empty for any. `runtime` is the least MicroPython version as
    (major, minor, micro), or None. `signer` is the hash of the signing key when a header says it, else empty.
    """

    def __init__(self, protected: list | tuple) -> None:
        """Read the protected TLVs [(type, value)]; raises FormatError."""
        self.counter: int | None = None
        self.chain = b""
        self.hardware: list[str] = []
        self.runtime: tuple | None = None
        self.signer = b""
        for kind, value in protected:
            if kind == COUNTER:
                self.counter = struct.unpack("<I", _sized(value, 4, "security counter"))[0]
            elif kind == CHAIN:
                if not len(value):
                    raise FormatError("chain: it is empty")
                self.chain = bytes(value)
            elif kind == HARDWARE:
                self.hardware = _names(bytes(value))
            elif kind == RUNTIME:
                self.runtime = struct.unpack("<BBH", _sized(value, 4, "minimum runtime"))
            elif kind & _OURS_MASK == _OURS:
                raise FormatError("protected TLV type %#06x is not known here" % kind)


def early_claims(data: bytes | memoryview, hdr_size: int) -> Claims | None:
    """The claims that a header repeats behind its 32 bytes; None when it has none, or `data` ends before.

    They have the form of a TLV area with a magic of its own. Raises FormatError.
    """
    if min(hdr_size, len(data)) < EARLY_AT + 4:
        return None
    magic, size = struct.unpack_from("<HH", data, EARLY_AT)
    if magic != EARLY_MAGIC or EARLY_AT + size > len(data):
        return None
    if EARLY_AT + size > hdr_size:
        raise FormatError("claims in the header: %d bytes run over it" % size)
    area = struct.pack("<HH", _PROTECTED_MAGIC, size) + bytes(data[EARLY_AT + 4 : EARLY_AT + size])
    found = [(kind, area[at : at + length]) for kind, at, length in parse_tlvs(area, True)]
    claims = Claims([entry for entry in found if entry[0] != SIGNER])
    for kind, value in found:
        if kind == SIGNER:
            claims.signer = _sized(value, 32, "key hash")
    return claims


def _sized(value: bytes, size: int, name: str) -> bytes:
    if len(value) != size:
        raise FormatError("%s is %d bytes, not %d" % (name, len(value), size))
    return value


def _names(value: bytes) -> list[str]:
    """Hardware ids, separated by commas: printable ASCII, none empty."""
    names = []
    if len(value) <= _HARDWARE_MAX and all(0x20 < byte < 0x7F for byte in value):
        names = value.decode().split(",")
    if not names or "" in names:
        raise FormatError("hardware ids are not 1 to %d printable characters" % _HARDWARE_MAX)
    return names
