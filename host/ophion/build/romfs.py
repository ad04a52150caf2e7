"""Packing files into a ROMFS, the read-only file system that MicroPython runs in place."""

from __future__ import annotations

from collections.abc import Mapping

from mpremote.romfs import VfsRomWriter


def pack_romfs(files: Mapping[str, bytes]) -> bytes:
    """Return the ROMFS with `files` (path with / -> content), folders and files in sorted order."""
    writer = VfsRomWriter()
    _pack_folder(writer, {tuple(path.split("/")): data for path, data in files.items()})
    return bytes(writer.finalise())


def _pack_folder(writer: VfsRomWriter, files: dict[tuple[str, ...], bytes]) -> None:
    for name in sorted({parts[0] for parts in files}):
        inside = {parts[1:]: data for parts, data in files.items() if parts[0] == name}
        if () in inside:
            writer.mkfile(name, inside[()])
        else:
            writer.opendir(name)
            _pack_folder(writer, inside)
            writer.closedir()
