"""What is in a ROMFS: a listing, read with the same care as anything else that comes from outside.

Records are (kind, length, body), kind and length as big-endian base-128 numbers (MicroPython
extmod/vfs_rom.c).
"""

from __future__ import annotations

from dataclasses import dataclass

from ophion.errors import ImageError

MAGIC = b"\xd2\xcd\x31"
_VERBATIM = 2
_POINTER = 3
_DIRECTORY = 4
_FILE = 5
_DEPTH_MAX = 16
_UINT_MAX = 1 << 32


@dataclass(frozen=True)
class RomFile:
    """A file: `path` with /, `offset` of its content from the start of the ROMFS, `size` in bytes."""

    path: str
    offset: int
    size: int


def is_romfs(payload: bytes) -> bool:
    """True when `payload` starts as a ROMFS does."""
    return payload.startswith(MAGIC)


def list_romfs(payload: bytes) -> list[RomFile]:
    """The files of a ROMFS in the order they are stored. Raises ImageError if it is damaged."""
    if not is_romfs(payload):
        raise ImageError("the payload is not a ROMFS")
    start, size = _uint(payload, len(MAGIC), len(payload))
    if start + size > len(payload):
        raise ImageError(f"ROMFS of {size} bytes runs over the payload of {len(payload)}")
    found: list[RomFile] = []
    _folder(payload, start, start + size, "", 0, found)
    return found


def _folder(data: bytes, at: int, end: int, prefix: str, depth: int, found: list[RomFile]) -> None:
    if depth > _DEPTH_MAX:
        raise ImageError(f"ROMFS folders are nested deeper than {_DEPTH_MAX}")
    while at < end:
        kind, body, stop = _record(data, at, end)
        if kind == _DIRECTORY:
            name, inside = _name(data, body, stop)
            _folder(data, inside, stop, f"{prefix}{name}/", depth + 1, found)
        elif kind == _FILE:
            name, inside = _name(data, body, stop)
            found.append(_file(data, inside, stop, prefix + name))
        at = stop


def _file(data: bytes, at: int, end: int, path: str) -> RomFile:
    while at < end:
        kind, body, stop = _record(data, at, end)
        if kind == _VERBATIM:
            return RomFile(path, body, stop - body)
        if kind == _POINTER:
            size, next_at = _uint(data, body, stop)[::-1]
            offset = _uint(data, len(MAGIC), len(data))[0] + _uint(data, next_at, stop)[1]
            if offset + size > len(data):
                raise ImageError(f"ROMFS file {path} points outside the payload")
            return RomFile(path, offset, size)
        at = stop
    raise ImageError(f"ROMFS file {path} has no content record")


def _record(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(kind, start of body, end of body) of the record at `at`."""
    body, kind = _uint(data, at, end)
    body, length = _uint(data, body, end)
    if body + length > end:
        raise ImageError(f"ROMFS record at {at} runs {body + length - end} bytes over its parent")
    return kind, body, body + length


def _name(data: bytes, at: int, end: int) -> tuple[str, int]:
    start, length = _uint(data, at, end)
    if start + length > end:
        raise ImageError(f"ROMFS name at {at} runs over its record")
    return data[start : start + length].decode("ascii", "backslashreplace"), start + length


def _uint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(position after it, value) of the number at `at`."""
    value = 0
    while at < end:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if value >= _UINT_MAX:
            break
        if not byte & 0x80:
            return at, value
    raise ImageError(f"ROMFS number before {at} is cut off or too large")
