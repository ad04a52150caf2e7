"""PKCS#11 URIs (RFC 7512): which token, which key, which library, and where the PIN is.

    pkcs11:token=release;object=ophion?module-path=/usr/lib/softhsm/libsofthsm2.so

Pure: text in, values out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ophion.errors import UsageError

_PATH = ("token", "manufacturer", "serial", "model", "slot-id", "object", "id", "type")
_QUERY = ("module-path", "pin-source", "pin-value")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLAIN = re.compile(r"[\x21-\x7e]*")
_KNOWN = f"known are {', '.join(_PATH)} before the question mark, {', '.join(_QUERY)} after it"


@dataclass(frozen=True)
class Pkcs11Uri:
    """What a URI says; "" (and None) is what it does not say, which matches anything.

    `id` is bytes, the rest text; `slot_id` is the number of a slot. `pin_source` names a file.
    """

    token: str = ""
    manufacturer: str = ""
    serial: str = ""
    model: str = ""
    slot_id: int | None = None
    object: str = ""
    id: bytes = b""
    module_path: str = ""
    pin_source: str = ""
    pin_value: str | None = None

    def __str__(self) -> str:
        """The key's name in errors: never with the PIN."""
        parts = [
            f"{name}={value}"
            for name, value in (
                ("token", self.token),
                ("serial", self.serial),
                ("slot-id", "" if self.slot_id is None else str(self.slot_id)),
                ("object", self.object),
                ("id", self.id.hex()),
            )
            if value
        ]
        return "pkcs11:" + ";".join(parts)


def parse_uri(uri: str) -> Pkcs11Uri:
    """Read `uri`. Raises UsageError that says what is wrong; the PIN is in no message.

    Stricter than RFC 7512 section 2.4, where an attribute nobody knows matches nothing: it is an error.
    """
    scheme, _, rest = uri.partition(":")
    if scheme != "pkcs11":
        raise UsageError("a PKCS#11 URI starts with pkcs11:")
    if not _PLAIN.fullmatch(rest):
        raise UsageError("PKCS#11 URI: spaces and other characters are written %20 (RFC 7512 section 2.3)")
    path, _, query = rest.partition("?")
    found = _attributes(path, ";", _PATH)
    asked = _attributes(query, "&", _QUERY)
    if found.get("type", b"private") != b"private":
        raise UsageError("PKCS#11 URI: type must be private, signing needs the private key")
    if "pin-source" in asked and "pin-value" in asked:
        raise UsageError("PKCS#11 URI: pin-source and pin-value exclude each other (RFC 7512 section 2.4)")
    if not found.get("object") and not found.get("id"):
        raise UsageError("PKCS#11 URI: which key? add object=LABEL or id=%NN")
    return Pkcs11Uri(
        token=_text(found, "token"),
        manufacturer=_text(found, "manufacturer"),
        serial=_text(found, "serial"),
        model=_text(found, "model"),
        slot_id=_slot(_text(found, "slot-id")),
        object=_text(found, "object"),
        id=found.get("id", b""),
        module_path=_text(asked, "module-path"),
        pin_source=_text(asked, "pin-source"),
        pin_value=_text(asked, "pin-value") if "pin-value" in asked else None,
    )


def _attributes(text: str, mark: str, known: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(mark) if text else []:
        name, equals, value = part.partition("=")
        if not equals or name not in known:
            raise UsageError(f"PKCS#11 URI: no attribute {name!r} here", _KNOWN)
        if name in found:
            raise UsageError(f"PKCS#11 URI: {name} is given twice")
        if _BAD_ESCAPE.search(value):
            raise UsageError(f"PKCS#11 URI: {name} has a % without two hexadecimal digits")
        found[name] = unquote_to_bytes(value)
    return found


def _text(found: dict[str, bytes], name: str) -> str:
    try:
        return found.get(name, b"").decode()
    except UnicodeDecodeError:
        raise UsageError(f"PKCS#11 URI: {name} is not UTF-8") from None


def _slot(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise UsageError(f"PKCS#11 URI: slot-id {text!r} is not a decimal number")
    return int(text)
