"""Where packages for MicroPython come from, in the forms that `mip install` takes (MicroPython docs).

NAME, with a version          a package of the index: INDEX/package/py/NAME/VERSION.json
github:ORG/REPO[/PATH]        a package.json, a .py or .mpy, in a branch or tag; gitlab: and codeberg: too
https://HOST/PATH, http://    the same, anywhere
./PATH, ../PATH, /PATH        a package.json, a .py, a .mpy or a folder here
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from ophion.errors import UsageError

LATEST = "latest"
_REMOTE = ("http://", "https://", "github:", "gitlab:", "codeberg:")
_LOCAL = ("./", "../", "/")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_BRANCH = re.compile(r"[^\s@?#]+")
_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+(/\S*)?")


@dataclass(frozen=True)
class Sources:
    """Addresses without / at the end: the package index, and where files of repositories are served."""

    index: str = "https://micropython.org/pi/v2"
    github: str = "https://raw.githubusercontent.com"
    gitlab: str = "https://gitlab.com"
    codeberg: str = "https://codeberg.org/api/v1/repos"

    def url(self, location: str, branch: str) -> str:
        """The address of a file; `branch` (or tag) counts for repositories, "" is their default branch."""
        kind, colon, rest = location.partition(":")
        if not colon or kind in ("http", "https"):
            return location
        owner, repository, path = [*rest.split("/", 2), "", ""][:3]
        ref = branch or "HEAD"
        if kind == "github":
            return f"{self.github}/{owner}/{repository}/{ref}/{path}"
        if kind == "gitlab":
            return f"{self.gitlab}/{owner}/{repository}/-/raw/{ref}/{path}"
        return f"{self.codeberg}/{owner}/{repository}/raw/{path}?ref={ref}"

    def package_url(self, name: str, version: str) -> str:
        """The address of a package of the index; its Python files, which are compiled here."""
        return f"{self.index}/package/py/{name}/{version or LATEST}.json"

    def file_url(self, short_hash: str) -> str:
        """The address of a file of the index."""
        return f"{self.index}/file/{short_hash[:2]}/{short_hash}"


@dataclass(frozen=True)
class Requirement:
    """A package that is wanted: `location`, one of the forms above, and its `version`.

    Without a version it is the latest one of the index, the default branch of a repository.
    """

    location: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.location}@{self.version}" if self.version else self.location

    @property
    def local(self) -> bool:
        """It is a file or folder of this computer."""
        return self.location.startswith(_LOCAL)

    @property
    def indexed(self) -> bool:
        """It is a package of the index."""
        return not self.local and not self.location.startswith(_REMOTE)

    @property
    def single(self) -> bool:
        """It is one module."""
        return not self.indexed and self.location.endswith((".py", ".mpy"))

    @property
    def document(self) -> str:
        """The location of its package.json (of those that are no modules and not of the index)."""
        if self.location.endswith(".json"):
            return self.location
        return posixpath.join(self.location, "package.json")


def read_requirement(name: str, text: str) -> Requirement:
    """What `name = "text"` in [dependencies] wants. Raises UsageError."""
    if text.startswith(_LOCAL):
        return Requirement(text.rstrip("/"))
    if not text.startswith(_REMOTE):
        if not _PACKAGE.fullmatch(name):
            raise UsageError(f"{name!r} is not the name of a package")
        if not _VERSION.fullmatch(text):
            hint = "a version, or github:ORG/REPO@TAG, https://..., ./PATH"
            raise UsageError(f"dependency {name}: {text!r} is neither a version nor a place", hint)
        return Requirement(name, "" if text == LATEST else text)
    location, version = text, ""
    if not text.startswith("http"):
        location, at, version = text.partition("@")
        if at and not _BRANCH.fullmatch(version):
            raise UsageError(f"dependency {name}: {version!r} is not a branch or tag")
    return checked(Requirement(location.rstrip("/"), version), f"dependency {name}")


def checked(wanted: Requirement, where: str) -> Requirement:
    """`wanted` if its place can be one; `where` says who asks for it. Raises UsageError."""
    kind, _, rest = wanted.location.partition(":")
    if wanted.indexed:
        if not _PACKAGE.fullmatch(wanted.location) or not _VERSION.fullmatch(wanted.version or LATEST):
            raise UsageError(f"{where}: {str(wanted)!r} is not a package and a version")
    elif kind in ("http", "https"):
        if not re.fullmatch(r"//[^\s/]+/\S+", rest):
            raise UsageError(f"{where}: {wanted.location!r} names no file")
    elif not wanted.local and not _REPOSITORY.fullmatch(rest):
        raise UsageError(f"{where}: {wanted.location!r} is not of the form {kind}:ORG/REPO")
    return wanted
