"""Dependencies of an application: resolved as `mip` does, once, and then taken from lock and cache."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ophion.build.fetch import Fetcher
from ophion.build.lock import Lock, LockedFile, Package
from ophion.build.sources import LATEST, Requirement, Sources, checked
from ophion.build.tree import check_inside, source_files
from ophion.errors import BuildError, OphionError
from ophion.files import read_file

TARGET = "lib"
"""Where packages lie in the image; a device has it in sys.path."""


@dataclass(frozen=True)
class Fetched:
    """A file for the image: its `path` there, and its `data`, both before it is compiled.

    url      where it comes from
    package  what it belongs to; None: the application itself
    """

    path: str
    data: bytes
    url: str
    package: Package | None


class Resolver:
    """Finds the packages of an application in `folder`.

    `lock` is what is known already; with `frozen` nothing else is taken.
    """

    def __init__(
        self, sources: Sources, folder: Path, lock: Lock, fetcher: Fetcher, *, frozen: bool = False
    ) -> None:
        self._sources = sources
        self._folder = folder
        self._lock = lock
        self._fetcher = fetcher
        self._frozen = frozen
        self._packages: dict[Requirement, Package] = {}
        self._data: dict[str, bytes] = {}

    def resolve(self, wanted: Mapping[str, Requirement]) -> Lock:
        """The lock for these requirements. Raises BuildError naming the dependency and what is wrong."""
        for name in sorted(wanted):
            self._add(wanted[name], f"dependency {name}", name)
        packages = sorted(self._packages.values(), key=lambda package: str(package.wanted))
        return Lock(tuple(packages), self._sources)

    def files(self) -> list[Fetched]:
        """The files of all packages that were resolved, each path once. Raises BuildError."""
        found: dict[str, tuple[LockedFile, Package]] = {}
        for package in self._packages.values():
            for file in package.files:
                other, owner = found.setdefault(file.path, (file, package))
                if other.sha256 != file.sha256:
                    raise BuildError(f"{file.path} is another file in {owner.wanted} and {package.wanted}")
        return [
            Fetched(path, self._content(file), file.url, package)
            for path, (file, package) in sorted(found.items())
        ]

    def _content(self, file: LockedFile) -> bytes:
        return self._data[file.url] if file.url in self._data else self._fetcher.file(file.url, file.sha256)

    def _add(self, wanted: Requirement, asked_by: str, name: str = "") -> None:
        if wanted in self._packages:
            return
        try:
            package = self._package(wanted, name or wanted.location)
        except OphionError as error:
            raise BuildError(f"{asked_by}: {error.message}", error.hint) from None
        self._packages[wanted] = package
        for need in package.needs:
            self._add(need, f"{asked_by}, which needs {need}")

    def _package(self, wanted: Requirement, name: str) -> Package:
        if wanted.local:
            return self._local(wanted, name)
        known = self._lock.find(wanted) if self._lock.sources == self._sources else None
        if known is not None:
            return known
        if self._frozen:
            raise BuildError(f"{wanted} is not in the lock", "`ophion build` without --locked adds it")
        if wanted.single:
            return self._module(wanted, name, self._sources.url(wanted.location, wanted.version))
        if wanted.indexed:
            url = self._sources.package_url(wanted.location, wanted.version)
        else:
            url = self._sources.url(wanted.document, wanted.version)
        return self._from_json(wanted, name, self._fetcher.get(url), url)

    def _local(self, wanted: Requirement, name: str) -> Package:
        place = self._folder / wanted.location
        document = place if wanted.location.endswith(".json") else place / "package.json"
        if wanted.single:
            return self._module(wanted, name, wanted.location)
        if document.is_file():
            return self._from_json(wanted, name, read_file(document, "package"), str(document))
        if not place.is_dir():
            raise BuildError(f"no such file or folder: {place}")
        pairs = [(file.path, posixpath.join(wanted.location, file.path)) for file in source_files(place)]
        if not pairs:
            raise BuildError(f"{place} has no files")
        return Package(name, wanted, "", "", (), self._listed(pairs))

    def _module(self, wanted: Requirement, name: str, url: str) -> Package:
        return Package(
            name, wanted, wanted.version, "", (), self._listed([(posixpath.basename(wanted.location), url)])
        )

    def _from_json(self, wanted: Requirement, name: str, data: bytes, url: str) -> Package:
        try:
            value = json.loads(data)
            listed = [(str(path), str(item)) for path, item in value.get("urls", ())]
            hashes = [(str(path), str(item)) for path, item in value.get("hashes", ())]
            needs = [(str(item), str(version)) for item, version in value.get("deps", ())]
        except (ValueError, TypeError, AttributeError) as error:
            raise BuildError(f"{url} is not a package.json: {error}") from None
        files = self._listed((path, self._address(wanted, item)) for path, item in listed)
        return Package(
            name,
            wanted,
            str(value.get("version") or wanted.version),
            str(value.get("license") or ""),
            tuple(self._need(*need) for need in needs),
            tuple(sorted(files + self._hashed(hashes), key=lambda file: file.path)),
        )

    def _need(self, location: str, version: str) -> Requirement:
        wanted = Requirement(location.rstrip("/"), "" if version == LATEST else version)
        if wanted.local:
            raise BuildError(f"it needs {location}, a file of this computer")
        return checked(wanted, "its dependencies")

    def _address(self, wanted: Requirement, item: str) -> str:
        """Where a file of a package.json is: a place of its own, or beside the package.json."""
        own = Requirement(item)
        if not own.indexed and not own.local:
            return self._sources.url(item, wanted.version)
        beside = posixpath.join(posixpath.dirname(wanted.document), item)
        return beside if wanted.local else self._sources.url(beside, wanted.version)

    def _hashed(self, pairs: Iterable[tuple[str, str]]) -> tuple[LockedFile, ...]:
        """Files of the index; the package says how their hashes begin."""
        files = self._listed((path, self._sources.file_url(short)) for path, short in pairs)
        for file in files:
            if not file.sha256.startswith(posixpath.basename(file.url)):
                raise BuildError(f"{file.url} is not what the index lists: SHA-256 {file.sha256}")
        return files

    def _listed(self, pairs: Iterable[tuple[str, str]]) -> tuple[LockedFile, ...]:
        """Fetch or read the files (path, URL)."""
        found = []
        for path, url in pairs:
            check_inside(path)
            data = self._fetcher.get(url) if "://" in url else self._read(url)
            self._data[url] = data
            found.append(LockedFile(f"{TARGET}/{path}", url, hashlib.sha256(data).hexdigest(), len(data)))
        return tuple(found)

    def _read(self, url: str) -> bytes:
        return read_file(self._folder / url, "file of a dependency")


def package_rows(packages: Iterable[Package]) -> list[dict[str, Any]]:
    """The packages as the manifest of a payload has them."""
    return [
        {
            "name": package.name,
            "source": str(package.wanted),
            "version": package.version,
            "license": package.license,
            "needs": [str(need) for need in package.needs],
            "files": [{"url": file.url, "sha256": file.sha256} for file in package.files],
        }
        for package in packages
    ]
