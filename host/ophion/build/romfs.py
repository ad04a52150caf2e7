"""Packing files into a ROMFS, the read-only file system that MicroPython runs in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby

from mpremote.romfs import VfsRomWriter
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.romfs import Memory, Romfs

from ophion.errors import BuildError

_SHARE_FROM = 16
"""Bytes: below, a second copy is smaller than the pointers to one."""


def pack_romfs(files: Mapping[str, bytes]) -> bytes:
    """Return the ROMFS with `files` (path with / -> content).

    Folders and files are in sorted order. What several files contain is stored once, before all
    folders, and they point to it. Raises BuildError for what devices do not mount: more than 16
    folders deep, names of more than 255 bytes.
    """
    ordered = [(path.split("/"), files[path]) for path in in_order(files)]
    writer = VfsRomWriter()
    shared = {data: (len(data), writer.mkdata(data)) for data in _shared(data for _, data in ordered)}
    _pack_folder(writer, [(parts, shared.get(data, data)) for parts, data in ordered])
    payload = bytes(writer.finalise())
    try:
        Romfs(Memory(payload), 0, len(payload))
    except FormatError as error:
        hint = "at most 16 folders deep, names of at most 255 bytes"
        raise BuildError(f"devices would not mount the payload: {error}", hint) from None
    return payload


def in_order(paths: Iterable[str]) -> list[str]:
    """`paths` in the order in which a ROMFS has them: folder by folder."""
    return sorted(paths, key=lambda path: path.split("/"))


def _shared(contents: Iterable[bytes]) -> list[bytes]:
    """What is there more than once and worth a pointer, in the order of its first file."""
    return [data for data, count in Counter(contents).items() if count > 1 and len(data) >= _SHARE_FROM]


def _pack_folder(writer: VfsRomWriter, files: Iterable[tuple[list[str], bytes | tuple[int, int]]]) -> None:
    """Write `files`: parts of the path, and content or (size, offset) of shared content."""
    for name, group in groupby(files, key=lambda file: file[0][0]):
        inside = [(parts[1:], data) for parts, data in group]
        if not inside[0][0]:
            writer.mkfile(name, inside[0][1])
        else:
            writer.opendir(name)
            _pack_folder(writer, inside)
            writer.closedir()
