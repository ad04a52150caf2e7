"""MCUboot images: header and TLV areas, parsed strictly.

Layout (MCUboot docs/design.md, "Image format"; SPEC.md 1):
header (hdr_size) | payload (img_size) | [protected TLVs (protect_tlv_size)] | TLVs.
Where this parser is stricter than MCUboot, SPEC.md 1.4 says so and why.
"""

import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.key import ALGORITHMS

_MAGIC = const(0x96F3B83D)
_HEADER_BYTES = const(32)
_HEADER = "<IIHHIIBBHII"
_INFO_BYTES = const(4)
_INFO_MAGIC = const(0x6907)
_INFO_MAGIC_PROTECTED = const(0x6908)
_ERASED = const(0xFFFFFFFF)

# Header flags, MCUboot boot/bootutil/include/bootutil/image.h.
_FLAG_AES128 = const(0x4)
_FLAG_AES256 = const(0x8)
_FLAG_NON_BOOTABLE = const(0x10)
_FLAG_COMPRESSED = const(0xE00)
# PIC, 2, RAM_LOAD, ROM_FIXED are allowed, and nothing here acts on them.
_FLAGS_KNOWN = const(0x12F)

_KEYHASH = const(0x01)
_SHA256 = const(0x10)
_DEPENDENCY = const(0x40)

# Types that MCUboot allows outside the signed area (its TLV allow list, the mend of
# CVE-2024-32883): key hash, public key, digests, signatures, wrapped keys.
_MCUBOOT = (0x01, 0x02, 0x10, 0x11, 0x12, 0x20, 0x22, 0x23, 0x24, 0x25, 0x30, 0x31, 0x32, 0x33, 0x34)
_RECIPIENTS = const(0x01A3)  # ours: several wrapped keys (SPEC.md 9.3)
_UNPROTECTED = _MCUBOOT + (_RECIPIENTS,)
_FIRST_WRAPPED = const(0x30)
_LAST_WRAPPED = const(0x34)
_HASHES = (0x10, 0x11, 0x12)
_SIGNATURES = (0x20, 0x22, 0x23, 0x24)
_TLVS_MAX = const(64)


class Header:
    """The 32 bytes at the start of an image; sizes in bytes, `version` is (major, minor, rev, build).

    `key_size` is that of the AES key that the payload is encrypted with, 0 for a plain image.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        """Parse and check `data` (at least 32 bytes); raise FormatError."""
        if len(data) < _HEADER_BYTES:
            raise FormatError("image is shorter than its 32 byte header")
        f = struct.unpack_from(_HEADER, data, 0)
        if f[0] != _MAGIC:
            raise FormatError(
                "erased: no image here"
                if f[0] == _ERASED
                else "header magic %#010x is not %#010x" % (f[0], _MAGIC)
            )
        self.load_addr = f[1]
        self.hdr_size = f[2]
        self.protect_size = f[3]
        self.img_size = f[4]
        self.flags = f[5]
        self.version = f[6:10]
        if self.hdr_size < _HEADER_BYTES:
            raise FormatError("header size %d is below 32" % self.hdr_size)
        if self.img_size == 0:
            raise FormatError("payload is empty")
        self._check_flags()
        self.key_size = 16 if self.flags & _FLAG_AES128 else 32 if self.flags & _FLAG_AES256 else 0

    def _check_flags(self) -> None:
        if self.flags & _FLAG_AES128 and self.flags & _FLAG_AES256:
            raise FormatError("flags %#x: both AES-128 and AES-256" % self.flags)
        if self.flags & _FLAG_NON_BOOTABLE:
            raise FormatError("flags %#x: not bootable" % self.flags)
        if self.flags & _FLAG_COMPRESSED:
            raise FormatError("flags %#x: compressed" % self.flags)
        if self.flags & ~_FLAGS_KNOWN:
            raise FormatError("flags %#x: unknown bits" % self.flags)

    @property
    def signed_size(self) -> int:
        """Bytes that the digest covers: header, payload and protected TLVs."""
        return self.hdr_size + self.img_size + self.protect_size

    def version_text(self) -> str:
        """`major.minor.rev`, and `.build` when it is not 0 (as MCUmgr writes it)."""
        return version_text(self.version)


def version_text(version: tuple) -> str:
    """Write (major, minor, rev, build) as MCUmgr does."""
    text = "%d.%d.%d" % tuple(version[:3])
    return text + ".%d" % version[3] if version[3] else text


def header_magic(data: bytes | bytearray | memoryview) -> bool:
    """True when `data` (at least 4 bytes) starts like an image."""
    return len(data) >= 4 and struct.unpack_from("<I", data, 0)[0] == _MAGIC


def area_size(info: bytes | bytearray | memoryview, protected: bool) -> int:
    """Size in bytes of the TLV area whose 4 byte info header is `info`; raise FormatError."""
    magic, total = struct.unpack_from("<HH", info, 0)
    wanted = _INFO_MAGIC_PROTECTED if protected else _INFO_MAGIC
    name = "protected TLV area" if protected else "TLV area"
    if magic != wanted:
        raise FormatError("%s: magic %#06x is not %#06x" % (name, magic, wanted))
    if total < _INFO_BYTES:
        raise FormatError("%s: size %d is below its own header" % (name, total))
    return total


def parse_tlvs(area: bytes | bytearray | memoryview, protected: bool) -> list[tuple[int, int, int]]:
    """Parse one TLV area, info header included, into [(type, offset in area, length)].

    Raises FormatError for a type that may not stand here, stands twice, or runs over the end.
    """
    end = area_size(area, protected)
    name = "protected TLV" if protected else "TLV"
    if end > len(area):
        raise FormatError("%s area: size %d is beyond the %d bytes there" % (name, end, len(area)))
    entries: list[tuple[int, int, int]] = []
    at = _INFO_BYTES
    while at < end:
        if at + 4 > end:
            raise FormatError("%s at +%d: cut off" % (name, at))
        kind, length = struct.unpack_from("<HH", area, at)
        if at + 4 + length > end:
            raise FormatError("%s %#06x at +%d: %d bytes run over the area" % (name, kind, at, length))
        _check_type(kind, protected, entries, name)
        entries.append((kind, at + 4, length))
        at += 4 + length
        if len(entries) > _TLVS_MAX:
            raise FormatError("%s area: more than %d entries" % (name, _TLVS_MAX))
    return entries


def _check_type(kind: int, protected: bool, entries: list[tuple[int, int, int]], name: str) -> None:
    if kind in (0, 0xFFFF):
        raise FormatError("%s type %#06x is reserved" % (name, kind))
    if not protected and kind not in _UNPROTECTED:
        raise FormatError("TLV type %#06x is not allowed outside the protected area" % kind)
    if protected and kind in _UNPROTECTED:
        raise FormatError("TLV type %#06x is not allowed in the protected area" % kind)
    if kind != _DEPENDENCY:
        for entry in entries:
            if entry[0] == kind:
                raise FormatError("%s type %#06x stands twice" % (name, kind))


def find(entries: list[tuple[int, int, int]], kind: int) -> int:
    """Index of the TLV `kind` in `entries`, or -1."""
    for i in range(len(entries)):
        if entries[i][0] == kind:
            return i
    return -1


def signature_tlvs(entries: list[tuple[int, int, int]], area: bytes | bytearray) -> tuple[memoryview, ...]:
    """The (digest, key hash, signature) memoryviews of a signed image, from its unprotected area.

    Exactly one digest, one key hash and one signature, the key hash before the signature it chooses
    the key for (MCUboot image_validate.c reads them in that order). Raises FormatError.
    """
    if find(entries, 0x02) >= 0:
        raise FormatError("TLV type 0x0002 has no use: keys come from the device")
    digest = _only(entries, _HASHES, (_SHA256,), (32, 32), "digest")
    signature = _only_signature(entries)
    key = _only(entries, (_KEYHASH,), (_KEYHASH,), (32, 32), "key hash")
    if find(entries, 0x25) >= 0:
        raise FormatError("TLV type 0x0025: pure signatures are not supported")
    if key > signature:
        raise FormatError("key hash stands after the signature")
    view = memoryview(area)
    return tuple(view[entries[i][1] : entries[i][1] + entries[i][2]] for i in (digest, key, signature))


def wrapped_tlv(header: Header, entries: list[tuple[int, int, int]]) -> tuple[int, int, int] | None:
    """The one TLV with wrapped keys of an encrypted image, None for a plain one, from its unprotected area.

    Raises FormatError when flags and TLVs contradict each other.
    """
    found = None
    for entry in entries:
        if _FIRST_WRAPPED <= entry[0] <= _LAST_WRAPPED or entry[0] == _RECIPIENTS:
            if not header.key_size:
                raise FormatError("TLV type %#06x has no use in a plain image" % entry[0])
            if found:
                raise FormatError(
                    "flags %#x: encrypted, and there is more than one wrapped key" % header.flags
                )
            found = entry
    if header.key_size and not found:
        raise FormatError("flags %#x: encrypted, and there is no wrapped key" % header.flags)
    return found


def signature_kind(entries: list[tuple[int, int, int]]) -> int:
    """The type of the one signature TLV, which says its algorithm (`fmt/key.py`); raises FormatError."""
    return entries[_only_signature(entries)][0]


def _only_signature(entries: list[tuple[int, int, int]]) -> int:
    lengths = (0, 0xFFFF)
    at = _only(entries, _SIGNATURES, _SIGNATURES, lengths, "signature")
    return _only(entries, _SIGNATURES, _SIGNATURES, ALGORITHMS[entries[at][0]][4:], "signature")


def _only(
    entries: list[tuple[int, int, int]], family: tuple, wanted: tuple, lengths: tuple, name: str
) -> int:
    """Index of the only entry of `family`, which is one of `wanted`, from lengths[0] to lengths[1] bytes."""
    found = [i for i in range(len(entries)) if entries[i][0] in family]
    if not found:
        raise FormatError("no %s" % name)
    if len(found) > 1:
        raise FormatError("more than one %s" % name)
    kind, _, size = entries[found[0]]
    if kind not in wanted:
        raise FormatError("%s type %#06x is not supported" % (name, kind))
    if not lengths[0] <= size <= lengths[1]:
        raise FormatError("%s is %d bytes, not %d" % (name, size, lengths[1]))
    return found[0]
