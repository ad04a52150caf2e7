"""Which files of an application folder go into its image, in an order that is the same everywhere."""

from __future__ import annotations

import fnmatch
import os
import posixpath
from dataclasses import dataclass
from pathlib import Path

from ophion.build.config import CONFIG_NAME, LOCK_NAME
from ophion.errors import BuildError

OUTPUT_NAME = "build"
_NEVER = {"__pycache__"}
_SIMULATED = ("sim.json", "flash.bin")
_DEPTH_MAX = 16
_NAME_MAX = 255


@dataclass(frozen=True)
class SourceFile:
    """`path` in the image ("lib/x.py", parts joined with /) and where it is read from."""

    path: str
    source: Path


def source_files(
    app_dir: Path, exclude: tuple[str, ...] = (), include: tuple[str, ...] = ()
) -> list[SourceFile]:
    """List the files to pack, sorted by path.

    Left out: `ophion.toml`, `ophion.lock` and the output folder `build` in the root, `__pycache__`
    and anything whose name starts with a dot anywhere, folders of simulated devices, what `exclude`
    matches, and what matches none of `include` if there is any (a pattern without / is tried on the file
    name, with / on the whole path). Empty folders do not exist for git and so not for us.
    Raises BuildError: a name that is not ASCII, a link to a folder, something that is no regular file.
    """
    found: list[SourceFile] = []
    _walk(app_dir, "", exclude, found)
    wanted = [file for file in found if not include or matches(file.path, include)]
    return sorted(wanted, key=lambda file: file.path.split("/"))


def _walk(folder: Path, prefix: str, exclude: tuple[str, ...], found: list[SourceFile]) -> None:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise BuildError(f"cannot read folder {folder}: {error.strerror}") from None
    for entry in entries:
        path = prefix + entry.name
        if entry.name in _NEVER or entry.name.startswith(".") or matches(path, exclude):
            continue
        if not prefix and entry.name in (CONFIG_NAME, LOCK_NAME, OUTPUT_NAME):
            continue
        _check_name(path)
        if entry.is_dir(follow_symlinks=False):
            if is_simulated(entry.path):
                continue
            _walk(Path(entry.path), path + "/", exclude, found)
        elif entry.is_dir():
            raise BuildError(f"{path} is a link to a folder; copy the folder instead")
        elif entry.is_file():
            found.append(SourceFile(path, Path(entry.path)))
        else:
            raise BuildError(f"{path} is not a regular file")


def is_simulated(folder: str) -> bool:
    """`folder` is what `ophion sim` keeps a device in."""
    return all(os.path.isfile(os.path.join(folder, name)) for name in _SIMULATED)


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """One of `patterns` fits: without / the name, with / the whole path."""
    name = path.rsplit("/", 1)[-1]
    return any(fnmatch.fnmatchcase(path if "/" in item else name, item) for item in patterns)


def check_inside(path: str) -> None:
    """Raise BuildError unless a package may have a file of that name."""
    if posixpath.normpath(path) != path or path.startswith(("/", "../")) or path in (".", ".."):
        raise BuildError(f"{path!r} is not a path inside of a package")
    _check_name(path)


def _check_name(path: str) -> None:
    if not path.isascii() or not path.isprintable():
        raise BuildError(f"file name {path!r} is not plain ASCII, which ROMFS needs", "rename the file")
    if path.count("/") > _DEPTH_MAX or max(map(len, path.split("/"))) > _NAME_MAX:
        raise BuildError(f"{path} is deeper than {_DEPTH_MAX} folders, or has a name above {_NAME_MAX} bytes")
