"""Wrapped content keys of encrypted images: their TLVs, and their records in the journal (SPEC.md 9).

A wrapped key is MCUboot's ECIES blob: ephemeral public key | MAC of the encrypted key | encrypted key.
An image has one for its only recipient (types of MCUboot), or a list of them for several (type of ours).
"""

import binascii
import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import Header, wrapped_tlv

# TLV types of MCUboot.
EC256, X25519, X25519_SHA512 = 0x32, 0x33, 0x34
# kind: (bytes of the ephemeral public key, bytes of the MAC)
PARTS = {EC256: (65, 32), X25519: (32, 32), X25519_SHA512: (32, 64)}
# Several recipients: entries of 8 bytes of key id, u8 kind, blob.
RECIPIENTS = 0x01A3
ID_BYTES = 8
RECIPIENTS_MAX = 16

_MAGIC = b"OPHK"
_RECORD = "<4sBBHIB"
_RECORD_HEAD = const(13)
_BLOB_MAX = const(129)
_BODY_BYTES = const(156)
RECORD_BYTES = 160


class Seal:
    """How the payload of one image is encrypted: the wrapped key, and which bytes of the image it is for.

    `kind` 0 and an empty `blob`: the image is encrypted, and not for this device.
    """

    def __init__(self, kind: int, blob: bytes, start: int, size: int) -> None:
        self.kind = kind
        self.blob = blob
        self.start = start
        self.size = size


def wrapped_keys(
    header: Header, entries: list[tuple[int, int, int]], area: bytes | bytearray
) -> list[tuple[bytes, int, bytes]]:
    """The wrapped keys of an image, [(key id, kind, blob)], from its unprotected TLVs; [] for a plain image.

    The key id is empty for an only recipient: MCUboot's TLVs do not say who that is. Raises FormatError
    when flags and TLVs contradict each other.
    """
    found = wrapped_tlv(header, entries)
    if not found:
        return []
    kind, at, size = found
    return wrapped_value(kind, bytes(area[at : at + size]), header.key_size)


def wrapped_value(kind: int, value: bytes, key_size: int) -> list[tuple[bytes, int, bytes]]:
    """As `wrapped_keys`, from the TLV's type and `value`; `key_size` is that of the content key in bytes."""
    if kind == RECIPIENTS:
        return _recipients(value, key_size)
    if kind not in PARTS:
        raise FormatError("wrapped key type %#06x is not supported" % kind)
    _check_size(kind, len(value), key_size)
    return [(b"", kind, value)]


def blob_bytes(kind: int, key_size: int) -> int:
    """The length of a wrapped key of a `kind` in PARTS."""
    return PARTS[kind][0] + PARTS[kind][1] + key_size


def _check_size(kind: int, size: int, key_size: int) -> None:
    wanted = blob_bytes(kind, key_size)
    if size != wanted:
        raise FormatError("wrapped key type %#06x is %d bytes, not %d" % (kind, size, wanted))


def _recipients(value: bytes, key_size: int) -> list[tuple[bytes, int, bytes]]:
    found: list[tuple[bytes, int, bytes]] = []
    at = 0
    while at < len(value):
        if at + ID_BYTES + 1 > len(value):
            raise FormatError("recipients: entry %d is cut off" % len(found))
        key_id, kind = value[at : at + ID_BYTES], value[at + ID_BYTES]
        if kind not in PARTS:
            raise FormatError("recipients: wrapped key type %#06x is not supported" % kind)
        at += ID_BYTES + 1
        size = blob_bytes(kind, key_size)
        if at + size > len(value):
            raise FormatError("recipients: entry %d is cut off" % len(found))
        if any(entry[0] == key_id for entry in found):
            raise FormatError("recipients: a key stands twice")
        found.append((key_id, kind, value[at : at + size]))
        at += size
    if not 1 <= len(found) <= RECIPIENTS_MAX:
        raise FormatError("recipients: %d of them, not 1..%d" % (len(found), RECIPIENTS_MAX))
    return found


def pack_record(seal: Seal | None) -> bytes:
    """The record of one image in the journal; None: the image is plain."""
    if seal is None:
        seal = Seal(0, b"", 0, 0)
    body = struct.pack(_RECORD, _MAGIC, 1, seal.kind, seal.start, seal.size, len(seal.blob)) + seal.blob
    body += bytes(_BODY_BYTES - len(body))
    return body + struct.pack("<I", binascii.crc32(body))


def parse_record(data: bytes | bytearray) -> Seal | None:
    """What `pack_record` wrote; raises FormatError when the record is not whole."""
    magic, version, kind, start, size, length = struct.unpack_from(_RECORD, data, 0)
    if magic != _MAGIC or version != 1 or length > _BLOB_MAX:
        raise FormatError("no record of a wrapped key")
    if struct.unpack_from("<I", data, _BODY_BYTES)[0] != binascii.crc32(bytes(data[:_BODY_BYTES])):
        raise FormatError("the record of a wrapped key is not whole")
    return Seal(kind, bytes(data[_RECORD_HEAD : _RECORD_HEAD + length]), start, size) if kind else None
