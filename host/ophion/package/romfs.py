"""What is in a ROMFS: a listing, by the reader that devices without VfsRom have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.romfs import Memory, Romfs

from ophion.errors import ImageError

MAGIC = b"\xd2\xcd\x31"


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
    try:
        romfs = Romfs(Memory(payload), 0, len(payload))
        return list(_files(romfs, romfs.root, ""))
    except FormatError as error:
        raise ImageError(str(error)) from None


def _files(romfs: Romfs, place: tuple[int, int], prefix: str) -> Iterator[RomFile]:
    for name, folder, first, end in romfs.entries(*place):
        path = prefix + name.decode()
        if folder:
            yield from _files(romfs, (first, end), path + "/")
        else:
            first, end = romfs.content(first, end)
            yield RomFile(path, first, end - first)
