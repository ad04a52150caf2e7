"""An image file, parsed by the device's own parser."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ophion_boot.core import depend
from ophion_boot.core.secret import Secret
from ophion_boot.core.trust import Trust
from ophion_boot.core.trust_rules import Device
from ophion_boot.core.verify import Verifier, VerifyError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.delta import MAGIC as DELTA_MAGIC
from ophion_boot.fmt.image import Header, signature_tlvs, wrapped_tlv
from ophion_boot.fmt.wrapped import wrapped_keys

from ophion.errors import ImageError, VerificationFailed
from ophion.files import read_file
from ophion.keys.public import PublicKey
from ophion.package.aes import Aes
from ophion.package.memory import SECTOR_BYTES, MemoryFlash
from ophion.package.romfs import MAGIC as ROMFS_MAGIC
from ophion.package.romfs import RomFile, is_romfs, list_romfs

_INFO_BYTES = 4
_SHA256 = 0x10
_KEYHASH = 0x01
_APP_IMAGE_MAGIC = b"\xe9"
APP: int = depend.APP
RUNTIME: int = depend.RUNTIME
"""Image numbers."""

_TO_SIGN = "`ophion sign` makes an image of it"
_OTHERS = (
    (ROMFS_MAGIC, "a payload, and nobody has signed it", _TO_SIGN),
    (_APP_IMAGE_MAGIC, "an ESP-IDF application, and nobody has signed it", _TO_SIGN),
    (DELTA_MAGIC, "a delta", "name the new image, and the old one with --base: `ophion push NEW --base OLD`"),
    (b"-----BEGIN ", "a key or a certificate", "name the image; keys go with --key"),
)

TLV_NAMES = {
    0x01: "KEYHASH",
    0x02: "PUBKEY",
    0x10: "SHA256",
    0x11: "SHA384",
    0x12: "SHA512",
    0x20: "RSA2048",
    0x22: "ECDSASIG",
    0x23: "RSA3072",
    0x24: "ED25519",
    0x25: "SIG_PURE",
    0x30: "ENC_RSA2048",
    0x31: "ENC_KW",
    0x32: "ENC_EC256",
    0x33: "ENC_X25519",
    0x34: "ENC_X25519_SHA512",
    0x40: "DEPENDENCY",
    0x50: "SEC_CNT",
    0x60: "BOOT_RECORD",
    0x74: "UUID_VID",
    0x75: "UUID_CID",
    0x1A0: "CHAIN",
    0x1A1: "HARDWARE",
    0x1A2: "MIN_RUNTIME",
    0x1A3: "RECIPIENTS",
}
"""Names as `imgtool dumpinfo` prints them, then our own (SPEC.md 8.2)."""


@dataclass(frozen=True)
class Tlv:
    """One TLV; `offset` is where its value starts in the file."""

    kind: int
    offset: int
    value: bytes
    protected: bool

    @property
    def name(self) -> str:
        """imgtool's name of the type, "vendor" for 0x..a0 to 0x..fe, else "unknown"."""
        default = "vendor" if 0xA0 <= self.kind & 0xFF <= 0xFE else "unknown"
        return TLV_NAMES.get(self.kind, default)


@dataclass(frozen=True)
class ImageFile:
    """A well-formed image. Well-formed does not mean signed: `verify` decides that.

    `data` is the whole file, the image is its first `size` bytes (`imgtool sign --pad` leaves more after it).
    Offsets and sizes are bytes. `version` is (major, minor, revision, build).
    """

    data: bytes
    size: int
    header_size: int
    payload_size: int
    protected_size: int
    flags: int
    load_addr: int
    version: tuple[int, int, int, int]
    version_text: str
    tlvs: tuple[Tlv, ...]

    @property
    def image(self) -> bytes:
        """The bytes that a device needs: without what follows the last TLV."""
        return self.data[: self.size]

    @property
    def payload(self) -> bytes:
        """The payload, usually a ROMFS."""
        return self.data[self.header_size : self.header_size + self.payload_size]

    @property
    def hash(self) -> bytes:
        """The SHA-256 that names the image in SMP (its TLV), b"" if it carries none."""
        return self._value(_SHA256)

    @property
    def keyhash(self) -> bytes:
        """The KEYHASH TLV: which key signed; b"" if there is none."""
        return self._value(_KEYHASH)

    @property
    def aes_bits(self) -> int:
        """Bits of the AES key that the payload is encrypted with; 0 for a plain image."""
        return 8 * int(self._header().key_size)

    @property
    def number(self) -> int:
        """Which of a device's images this is: RUNTIME for an ESP-IDF application image, else APP.

        Runtimes are never encrypted.
        """
        if self.aes_bits:
            return APP
        return RUNTIME if self.payload.startswith(_APP_IMAGE_MAGIC) else APP

    def files(self) -> list[RomFile]:
        """The files of a ROMFS payload; no ROMFS (or an encrypted one), no files.

        Raises ImageError if it is damaged.
        """
        return list_romfs(self.payload) if not self.aes_bits and is_romfs(self.payload) else []

    def unsigned_reason(self) -> str:
        """Why no device could take this image, whatever its key; "" when nothing is missing."""
        at = self.signed_size
        area = self.data[at : self.size]
        own = [tlv for tlv in self.tlvs if not tlv.protected]
        try:
            entries = [(tlv.kind, tlv.offset - at, len(tlv.value)) for tlv in own]
            wrapped_keys(self._header(), entries, area)
            signature_tlvs(entries, area)
        except FormatError as error:
            return str(error)
        return ""

    def wrapped(self) -> list[tuple[bytes, int, bytes]]:
        """The wrapped keys [(key id, TLV type, blob)]: one without an id, or several. Raises ImageError."""
        at = self.signed_size
        entries = [(tlv.kind, tlv.offset - at, len(tlv.value)) for tlv in self.tlvs if not tlv.protected]
        try:
            return list(wrapped_keys(self._header(), entries, self.data[at : self.size]))
        except FormatError as error:
            raise ImageError(str(error)) from None

    def wrapped_tlv(self) -> Tlv | None:
        """The TLV with the wrapped keys of an encrypted image. Raises ImageError."""
        own = [tlv for tlv in self.tlvs if not tlv.protected]
        try:
            found = wrapped_tlv(self._header(), [(tlv.kind, tlv.offset, len(tlv.value)) for tlv in own])
        except FormatError as error:
            raise ImageError(str(error)) from None
        return next((tlv for tlv in own if found and tlv.kind == found[0]), None)

    @property
    def signed_size(self) -> int:
        """Bytes that the digest covers: header, payload and protected TLVs."""
        return self.header_size + self.payload_size + self.protected_size

    def _header(self) -> Header:
        return Header(self.data)

    def _value(self, kind: int) -> bytes:
        return next((tlv.value for tlv in self.tlvs if tlv.kind == kind and not tlv.protected), b"")


def load_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read and parse the image file `path`.

    Raises InputError (no file) or ImageError (what is wrong with it).
    """
    return parse_image(read_file(path, "image"), os.fspath(path))


def load_images(path: str | os.PathLike[str]) -> list[ImageFile]:
    """The image file `path`, or every image in the folder `path`, where other files are passed over.

    Raises InputError, and ImageError for a file that is no image, or a folder that holds none.
    """
    if not os.path.isdir(path):
        return [load_image(path)]
    found = []
    for file in sorted(Path(path).iterdir()):
        if file.is_file():
            with suppress(ImageError):
                found.append(load_image(file))
    if not found:
        raise ImageError(f"{os.fspath(path)}: no image lies in this folder")
    return found


def parse_image(data: bytes, where: str = "image") -> ImageFile:
    """Parse `data`; `where` names it in errors.

    Raises ImageError for anything that the device's parser refuses.
    """
    try:
        header = Header(data)
        needed = header.signed_size + _INFO_BYTES
        if needed > len(data):
            raise FormatError(f"truncated: {len(data)} bytes, the header promises at least {needed}")
        layout = Verifier([], bytearray(SECTOR_BYTES)).read_layout(MemoryFlash(data).area(), len(data))
    except (FormatError, VerifyError) as error:
        raise _no_image(data, where, str(error)) from None
    header, total, protected, entries, block = layout
    tlvs: list[Tlv] = []
    at = header.hdr_size + header.img_size + _INFO_BYTES
    for kind, value in protected:
        tlvs.append(Tlv(kind, at + 4, bytes(value), True))
        at += 4 + len(value)
    for kind, offset, length in entries:
        value = bytes(block[offset : offset + length])
        tlvs.append(Tlv(kind, header.signed_size + offset, value, False))
    return ImageFile(
        data=data,
        size=total,
        header_size=header.hdr_size,
        payload_size=header.img_size,
        protected_size=header.protect_size,
        flags=header.flags,
        load_addr=header.load_addr,
        version=tuple(header.version),
        version_text=header.version_text(),
        tlvs=tuple(tlvs),
    )


def _no_image(data: bytes, where: str, reason: str) -> ImageError:
    """The error for `data`: what it is, if it is another file of ours, else `reason`."""
    for beginning, what, hint in _OTHERS:
        if data.startswith(beginning):
            return ImageError(f"{where} is not an image, it is {what}", hint)
    return ImageError(f"{where}: {reason}")


def verify_image(
    image: ImageFile,
    keys: list[PublicKey],
    max_size: int | None = None,
    *,
    roots: dict[str, Any] | None = None,
    hardware: str = "",
    enc_keys: Sequence[tuple[bytes, int, bytes]] = (),
) -> None:
    """Return if a fresh device that trusts `keys` would run `image`; the answer is its own code's.

    `max_size` is the most bytes that its slot takes, `roots` the root set that it holds
    (`ophion.build.layout.root_set`), `hardware` its hardware id ("": any), `enc_keys` its private keys for
    encrypted images (`ophion.keys.DeviceKey.entry`). Raises VerificationFailed with the device's reason.
    """
    if max_size is not None and image.size > max_size:
        raise VerificationFailed(
            f"the image is {image.size} bytes, the slot takes {max_size}", "make the payload smaller"
        )
    try:
        trust = Trust([(key.keyhash, key.mcuboot) for key in keys], roots, device=Device(hardware))
        area = MemoryFlash(image.data).area()
        area.sealed = True
        secret = Secret(list(enc_keys), Aes) if enc_keys else None
        Verifier(trust, bytearray(SECTOR_BYTES), secret).verify(area, image.size, image.number)
    except VerifyError as error:
        hint = "give the device's private key with --enc-key" if image.aes_bits and not enc_keys else ""
        raise VerificationFailed(f"a device would refuse this image: {error}", hint) from None
