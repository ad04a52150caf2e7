"""`ophion.lock`: what each dependency was when it was resolved, file by file, with its SHA-256.

It is JSON, made by `ophion build`, to be kept under version control. A build takes the files that it
names, whatever the index or a branch says today.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ophion.build.sources import Requirement, Sources, checked
from ophion.build.tree import check_inside
from ophion.errors import BuildError, OphionError
from ophion.files import read_file

_FORMAT = 1


@dataclass(frozen=True)
class LockedFile:
    """`path` in the image ("lib/x.py", as it is fetched), where it comes from, what it is."""

    path: str
    url: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Package:
    """A resolved requirement: `needs` are its own requirements; `version` and `license` as it says, or ""."""

    name: str
    wanted: Requirement
    version: str
    license: str
    needs: tuple[Requirement, ...]
    files: tuple[LockedFile, ...]


@dataclass(frozen=True)
class Lock:
    """All packages of an application, and the sources that they were resolved with."""

    packages: tuple[Package, ...] = ()
    sources: Sources = field(default_factory=Sources)

    def find(self, wanted: Requirement) -> Package | None:
        """The package that `wanted` was resolved to."""
        return next((package for package in self.packages if package.wanted == wanted), None)

    def data(self) -> bytes:
        """The file's content."""
        value = {
            "ophion_lock": _FORMAT,
            "sources": asdict(self.sources),
            "packages": [asdict(package) for package in self.packages],
        }
        return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def load_lock(path: Path) -> Lock:
    """Read the lock `path`; an empty one if it is not there. Raises BuildError."""
    if not path.exists():
        return Lock()
    try:
        return _lock(json.loads(read_file(path, "lock")))
    except (ValueError, KeyError, TypeError, OphionError) as error:
        reason = error.message if isinstance(error, OphionError) else f"{type(error).__name__}: {error}"
        raise BuildError(
            f"{path} is not a lock of `ophion build`: {reason}", "delete it: the next build makes it anew"
        ) from None


def _lock(value: dict[str, Any]) -> Lock:
    if value["ophion_lock"] != _FORMAT:
        raise ValueError(f"its format is {value['ophion_lock']!r}, not {_FORMAT}")
    packages = tuple(_package(entry) for entry in value["packages"])
    return Lock(packages, Sources(**value["sources"]))


def _package(entry: dict[str, Any]) -> Package:
    texts = {key: str(entry[key]) for key in ("name", "version", "license")}
    return Package(
        **texts,
        wanted=_requirement(entry["wanted"]),
        needs=tuple(_requirement(need) for need in entry["needs"]),
        files=tuple(_files(entry["files"])),
    )


def _requirement(value: dict[str, str]) -> Requirement:
    return checked(Requirement(**value), "lock")


def _files(entries: Sequence[dict[str, Any]]) -> list[LockedFile]:
    files = [LockedFile(**entry) for entry in entries]
    for file in files:
        check_inside(file.path)
        if not re.fullmatch(r"[0-9a-f]{64}", file.sha256):
            raise ValueError(f"{file.path} has no SHA-256")
    return files
