"""littlefs images that MicroPython's `VfsLfs2` mounts, by PyPI's littlefs-python.

MicroPython mounts with reads and writes of 32 bytes and a cache of 128 (extmod/vfs_lfs.c). Files that
are kept inside of a folder's own blocks have to fit that cache, so it is the same here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ophion.errors import InputError, UsageError

BLOCK_BYTES = 4096
_UNIT = 32
_CACHE = 4 * _UNIT
# The oldest form on disk: every driver from littlefs 2.0 on mounts it.
_DISK_VERSION = 0x00020000
_MAGIC = b"littlefs"
_FAT = (b"FAT", b"MSDOS")


def make_image(files: Mapping[str, bytes], size: int, what: str) -> bytes:
    """A file system of `size` bytes with `files` (path -> content; a path that ends with / is a folder).

    Raises InputError when they do not fit; `what` names it there.
    """
    lib = _library()
    fs = lib.LittleFS(block_count=size // BLOCK_BYTES, disk_version=_DISK_VERSION, **_geometry())
    try:
        for path, data in sorted(files.items()):
            folder = path.rpartition("/")[0]
            if folder:
                fs.makedirs(folder, exist_ok=True)
            if not path.endswith("/"):
                with fs.open(path, "wb") as file:
                    file.write(data)
    except (lib.LittleFSError, OSError) as error:
        total = sum(map(len, files.values()))
        raise InputError(f"{what}: {total} bytes in {len(files)} files do not fit {size} ({error})") from None
    return bytes(fs.context.buffer)


def read_image(data: bytes, what: str) -> dict[str, bytes] | None:
    """The files of the file system in `data` as `make_image` takes them; None when nothing is there.

    Raises InputError for one of another kind, or a damaged one; `what` names it there.
    """
    head = data[: 2 * BLOCK_BYTES]
    if head.count(b"\xff") == len(head):
        return None
    if not any(_MAGIC in head[at : at + 64] for at in (0, BLOCK_BYTES)):
        kind = "FAT" if any(word in head[:512] for word in _FAT) else "unknown"
        raise InputError(f"{what}: a file system of a kind that cannot be moved ({kind}), not littlefs")
    lib = _library()
    try:
        fs = lib.LittleFS(block_count=0, mount=False, **_geometry())
        fs.context.buffer = bytearray(data)
        fs.mount()
        return _files(fs)
    except (lib.LittleFSError, OSError) as error:
        raise InputError(f"{what}: its littlefs cannot be read: {error}") from None


def _files(fs: Any) -> dict[str, bytes]:
    found = {}
    for folder, _, names in fs.walk("/"):
        place = folder.strip("/") + "/" if folder.strip("/") else ""
        if place:
            found[place] = b""
        for name in names:
            with fs.open(place + name, "rb") as file:
                found[place + name] = file.read()
    return found


def _geometry() -> dict[str, int]:
    sizes = {"read_size": _UNIT, "prog_size": _UNIT, "cache_size": _CACHE, "lookahead_size": _UNIT}
    return {"block_size": BLOCK_BYTES, **sizes}


def _library() -> ModuleType:
    try:
        import littlefs
    except ImportError:
        raise UsageError("littlefs-python is not installed", "pip install 'ophion[install]'") from None
    return littlefs
