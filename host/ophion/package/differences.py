"""What is different between two images."""

from __future__ import annotations

from typing import Any

from ophion.package.content import Content
from ophion.package.image import Tlv


def compare(old: Content, new: Content) -> dict[str, Any]:
    """The differences, as values that JSON can hold; `same` when there is none in a single byte.

    A changed value is [in old, in new]; the header's fields are there only where they differ. Files and TLVs
    are `added`, `removed`, `changed`, with their sizes; `unchanged` counts the others. A TLV that is there
    several times is compared by its place among those of its type.
    """
    return {
        "same": old.data == new.data,
        "size": [len(old.data), len(new.data)],
        "header": _fields(old.header(), new.header()),
        "files": _changes(_files(old), _files(new)),
        "tlvs": _changes(_tlvs(old), _tlvs(new)),
        "files_error": old.files_error or new.files_error,
        "payload_same": old.payload == new.payload,
    }


def _fields(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Any]]:
    names = {**old, **new}
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def _changes(old: dict[str, tuple[int, str]], new: dict[str, tuple[int, str]]) -> dict[str, Any]:
    """Both are {name: (size, what it holds)}."""
    both = [name for name in old if name in new]
    changed = [name for name in both if old[name] != new[name]]
    return {
        "added": [{"name": name, "size": new[name][0]} for name in new if name not in old],
        "removed": [{"name": name, "size": old[name][0]} for name in old if name not in new],
        "changed": [{"name": name, "size": [old[name][0], new[name][0]]} for name in changed],
        "unchanged": len(both) - len(changed),
    }


def _files(content: Content) -> dict[str, tuple[int, str]]:
    return {file.path: (file.size, content.digest(file)) for file in content.files}


def _tlvs(content: Content) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for tlv in content.image.tlvs if content.image else ():
        name = _tlv_name(tlv)
        count = sum(1 for other in found if other.partition(" #")[0] == name)
        found[f"{name} #{count + 1}" if count else name] = len(tlv.value), tlv.value.hex()
    return found


def _tlv_name(tlv: Tlv) -> str:
    return f"{'protected ' if tlv.protected else ''}{tlv.name} {tlv.kind:#06x}"
