"""A description of an image in plain values, for `--json` and for whoever draws it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.claims import CHAIN, HARDWARE, RUNTIME, Claims
from ophion_boot.fmt.statement import parse_chain

from ophion.errors import ImageError
from ophion.package.image import TLV_NAMES, ImageFile, Tlv


def describe(image: ImageFile) -> dict[str, Any]:
    """What is in `image`, as values that JSON can hold. Sizes and offsets are bytes in the file.

    `unsigned` says what a device would miss ("" for nothing); `files_error` why the payload cannot be listed.
    """
    return {
        "version": image.version_text,
        "hash": image.hash.hex(),
        "keyhash": image.keyhash.hex(),
        "unsigned": image.unsigned_reason(),
        "size": image.size,
        "file_size": len(image.data),
        "header": {
            "offset": 0,
            "size": image.header_size,
            "flags": image.flags,
            "load_addr": image.load_addr,
        },
        "payload": {"offset": image.header_size, "size": image.payload_size},
        "encrypted": _encrypted(image),
        "protected": _area(image, True),
        "tlvs": _area(image, False),
        **_files(image),
    }


def tlv_meaning(tlv: Tlv) -> str:
    """The value of a TLV in words where it has a plain meaning, else its bytes in hex."""
    value = tlv.value
    if tlv.kind == 0x50 and len(value) == 4:
        return f"security counter {int.from_bytes(value, 'little')}"
    if tlv.kind == 0x40 and len(value) == 12:
        major, minor, revision = value[4], value[5], int.from_bytes(value[6:8], "little")
        build = int.from_bytes(value[8:12], "little")
        text = f"image {value[0]} at least {major}.{minor}.{revision}"
        return f"{text}+{build}" if build else text
    if tlv.kind in _OURS and tlv.protected:
        try:
            return _OURS[tlv.kind](Claims([(tlv.kind, value)]))
        except FormatError as error:
            return f"{error}"
    return value.hex()


def chain_words(data: bytes) -> str:
    """The statements of a chain in words, or what is wrong with it."""
    try:
        return ", ".join(statement.name() for statement in parse_chain(data))
    except FormatError as error:
        return str(error)


_OURS: dict[int, Callable[[Claims], str]] = {
    CHAIN: lambda claims: chain_words(claims.chain),
    HARDWARE: lambda claims: "for hardware " + ", ".join(claims.hardware),
    RUNTIME: lambda claims: "MicroPython {}.{}.{} at least".format(*(claims.runtime or (0, 0, 0))),
}


def _encrypted(image: ImageFile) -> dict[str, Any]:
    """The AES bits (0: plain) and for whom; the key id is "" where the image does not say it."""
    recipients: list[dict[str, str]] = []
    with suppress(ImageError):
        recipients = [
            {"key_id": key_id.hex(), "type": TLV_NAMES[kind]} for key_id, kind, _ in image.wrapped()
        ]
    return {"aes_bits": image.aes_bits, "recipients": recipients}


def _area(image: ImageFile, protected: bool) -> dict[str, Any]:
    signed_size = image.header_size + image.payload_size + image.protected_size
    start = signed_size - image.protected_size if protected else signed_size
    return {
        "offset": start,
        "size": image.protected_size if protected else image.size - signed_size,
        "entries": [
            {
                "type": tlv.kind,
                "name": tlv.name,
                "offset": tlv.offset,
                "size": len(tlv.value),
                "value": tlv.value.hex(),
                "meaning": tlv_meaning(tlv),
            }
            for tlv in image.tlvs
            if tlv.protected is protected
        ],
    }


def _files(image: ImageFile) -> dict[str, Any]:
    try:
        files = image.files()
    except ImageError as error:
        return {"files": [], "files_error": error.message}
    listing = [
        {"path": file.path, "offset": image.header_size + file.offset, "size": file.size} for file in files
    ]
    return {"files": listing, "files_error": ""}
