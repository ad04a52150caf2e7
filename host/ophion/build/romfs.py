"""Packing files into a ROMFS, the read-only file system that MicroPython runs in place."""

from __future__ import annotations

from collections.abc import Mapping

from mpremote.romfs import VfsRomWriter
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.romfs import Memory, Romfs

from ophion.errors import BuildError


def pack_romfs(files: Mapping[str, bytes]) -> bytes:
    """Return the ROMFS with `files` (path with / -> content), folders and files in sorted order.

    Raises BuildError for what devices do not mount: more than 16 folders deep, names of more than 255 bytes.
    """
    writer = VfsRomWriter()
    _pack_folder(writer, {tuple(path.split("/")): data for path, data in files.items()})
    payload = bytes(writer.finalise())
    try:
        Romfs(Memory(payload), 0, len(payload))
    except FormatError as error:
        hint = "at most 16 folders deep, names of at most 255 bytes"
        raise BuildError(f"devices would not mount the payload: {error}", hint) from None
    return payload


def _pack_folder(writer: VfsRomWriter, files: dict[tuple[str, ...], bytes]) -> None:
    for name in sorted({parts[0] for parts in files}):
        inside = {parts[1:]: data for parts, data in files.items() if parts[0] == name}
        if () in inside:
            writer.mkfile(name, inside[()])
        else:
            writer.opendir(name)
            _pack_folder(writer, inside)
            writer.closedir()
